"""A carrier that rings nobody: seeded, configurable, with every fault that real ones have.
It runs in the server, for tries, and as a process of its own, for tests that need a judge
which outlives the server."""
