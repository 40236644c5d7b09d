"""A venue made of candles: pure matching, and an exchange adapter on top of it for paper trading and the backtest."""
