"""The operator's desk: commands, backtest, reports, sandbox. Never deployed with the trading function."""
