"""Ultravox's API, as far as its outbound call scheduler and what that needs go: under `/api/`,
translated at the edge onto the RPCs.

What its documents leave open is chosen in one function each; docs/parity.md lists the choices.
"""

from outdial_server.gateway.ultravox.app import api, build

__all__ = ["api", "build"]
