"""What the core needs of the world, as Protocols cut by who needs it. The docstrings are
the contract that every adapter is tested against."""
