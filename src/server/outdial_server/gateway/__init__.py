"""The HTTP port: the REST surface, health, metrics and carriers' callbacks."""

from outdial_server.gateway.app import Health, build_http_app
from outdial_server.gateway.asking import Rpc, RpcTable
from outdial_server.gateway.callbacks import CallbackRoutes, CallbackTokens
from outdial_server.gateway.dialects import Surroundings, dialects
from outdial_server.gateway.native import PREFIX as NATIVE_PREFIX
from outdial_server.gateway.native import NativeApp
from outdial_server.gateway.server import HttpServer

__all__ = [
    "NATIVE_PREFIX",
    "CallbackRoutes",
    "CallbackTokens",
    "Health",
    "HttpServer",
    "NativeApp",
    "Rpc",
    "RpcTable",
    "Surroundings",
    "build_http_app",
    "dialects",
]
