"""The production cycle on recorded markets: years in seconds, every tick or only those in which something may happen.

Needs the packages of ``requirements/research.txt``; nothing outside of this package imports it at start-up.
"""
