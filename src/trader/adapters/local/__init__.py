"""The ports on one machine: in memory for tests and backtests, in files for paper trading on a laptop."""
