"""The HTTP client of both sides: httpx's face over aiohttp's transport, without retries."""

import httpx
from httpx_aiohttp import AiohttpTransport


def new_client(connections: int, timeout_seconds: float) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(
        transport=AiohttpTransport(limits=limits, retries=0),
        timeout=timeout_seconds,
        follow_redirects=False,
    )
