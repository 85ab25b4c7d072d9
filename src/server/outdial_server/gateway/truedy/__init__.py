"""Truedy's batch calls, and what they need around them, at their documented paths."""

from outdial_server.gateway.truedy.app import api, build

__all__ = ["api", "build"]
