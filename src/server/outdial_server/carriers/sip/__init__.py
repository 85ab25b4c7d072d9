"""Calls over a SIP trunk of one's own; the signalling runs in a worker process."""
