"""A kept backtest as one page of HTML that needs nothing else: no network, no library, no script for reading it."""
