"""Coinbase Advanced Trade over HTTP: the public half without a key, the whole venue with one."""
