"""The native REST surface, transcoded from the contract."""

from outdial_server.gateway.native.app import PREFIX, NativeApp

__all__ = ["PREFIX", "NativeApp"]
