"""Callbacks that are forms."""

from urllib.parse import parse_qsl

from outdial_server.ports.carrier import RawCallback


def form_of(callback: RawCallback) -> list[tuple[str, str]]:
    """Raises ValueError for what is no form."""
    return parse_qsl(callback.body.decode(), keep_blank_values=True, strict_parsing=True)


def url_of(callback: RawCallback, callback_url: str) -> str:
    """The public URL that it came to, below that of the account."""
    if callback.token:
        callback_url = f"{callback_url.rpartition('/')[0]}/{callback.token}"
    path = f"/{callback.path}" if callback.path else ""
    query = f"?{callback.query}" if callback.query else ""
    return f"{callback_url}{path}{query}"
