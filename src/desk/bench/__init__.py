"""Benchmarks: each prints one last line of ``name=value`` pairs. They measure; they never pass or fail."""
