"""Implementations of the ports that reach the outside world; each package translates its errors once."""
