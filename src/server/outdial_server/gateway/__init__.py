"""The HTTP port: health, metrics and carriers' callbacks."""

from outdial_server.gateway.app import build_http_app
from outdial_server.gateway.callbacks import CallbackRoutes
from outdial_server.gateway.server import HttpServer

__all__ = ["CallbackRoutes", "HttpServer", "build_http_app"]
