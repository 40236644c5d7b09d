"""Recorded markets: where candles come from, and the columns they are kept in."""
