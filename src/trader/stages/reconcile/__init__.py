"""Bring the ledger up to what the venue says happened: fills, order states, doubts, conversions, closed lots."""

from trader.stages.reconcile.account import Reconciled, find_fills_start, find_resendable, is_resendable, reconcile

__all__ = ["Reconciled", "find_fills_start", "find_resendable", "is_resendable", "reconcile"]
