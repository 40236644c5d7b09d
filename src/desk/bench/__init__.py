"""Benchmarks: each prints one last line of ``name=value`` pairs, and exits non-zero when its own limit is missed."""
