"""The operator's desk: commands, recovery, drills, benchmarks, sandbox. Never deployed with the trading function."""
