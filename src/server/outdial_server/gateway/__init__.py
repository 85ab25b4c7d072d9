"""The HTTP port: the REST surface, health, metrics and carriers' callbacks."""

from outdial_server.gateway.app import build_http_app
from outdial_server.gateway.callbacks import CallbackRoutes, CallbackTokens
from outdial_server.gateway.native import NativeApp
from outdial_server.gateway.server import HttpServer

__all__ = ["CallbackRoutes", "CallbackTokens", "HttpServer", "NativeApp", "build_http_app"]
