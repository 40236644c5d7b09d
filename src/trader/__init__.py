"""A trading system for Coinbase spot: one stateless cycle per tick, pure inside."""

__version__ = "0.3.0"
