"""Bring the ledger up to what the venue says happened: fills, order states, doubts, conversions, closed lots."""
