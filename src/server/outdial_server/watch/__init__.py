"""Watching a batch: cursors over its event log. docs/one-call.md ends here."""
