"""The figures of a backtest: pure functions from plain values to frozen values. They know no engine and no clock."""
