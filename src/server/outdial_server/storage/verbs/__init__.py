"""Verbs of the store: each a whole transaction over a `Tx`, or a part of one."""
