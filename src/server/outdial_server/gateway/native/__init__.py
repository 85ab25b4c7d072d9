"""The native REST surface, transcoded from the contract."""

from outdial_server.gateway.native.app import PREFIX, NativeApp
from outdial_server.gateway.native.rpc import Rpc, RpcContext, RpcRefusedError

__all__ = ["PREFIX", "NativeApp", "Rpc", "RpcContext", "RpcRefusedError"]
