"""A ledger that is lost or damaged, made anew from the audit and the venue; and differences, settled on purpose."""
