"""Batch calls as Speechify documents them, below `/v1/`."""

from outdial_server.gateway.speechify.app import api, build

__all__ = ["api", "build"]
