"""The ports of clock, identity and signals, on this machine and in this process."""
