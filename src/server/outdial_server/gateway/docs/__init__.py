"""The OpenAPI documents of all surfaces, and pages that show them without a network."""

from outdial_server.gateway.docs.documents import DOCUMENTS, OpenApi
from outdial_server.gateway.docs.routes import docs_routes

__all__ = ["DOCUMENTS", "OpenApi", "docs_routes"]
