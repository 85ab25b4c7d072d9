"""The commands of `outdial-server`."""
