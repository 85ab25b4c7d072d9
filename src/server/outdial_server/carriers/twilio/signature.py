"""How Twilio signs its callbacks: HMAC-SHA1 over the URL that it asked and, for forms, each
parameter's name and value in the order of the names."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

HEADER: Final = "x-twilio-signature"

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def is_signed(token: str, url: str, form: Iterable[tuple[str, str]], given: str) -> bool:
    """`url` is the public one, query and all. Proxies and versions differ in whether they
    name the default port, so both spellings count."""
    if not given.isascii():
        return False
    pairs = list(form)
    found = [hmac.compare_digest(signature(token, one, pairs), given) for one in _spellings(url)]
    return any(found)


def signature(token: str, url: str, form: Iterable[tuple[str, str]]) -> str:
    """A name with several values counts each of them once, in their order."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _spellings(url: str) -> tuple[str, ...]:
    """Cut as text: taken apart and put together again, a URL may come out another one."""
    parts = urlsplit(url)
    port = _DEFAULT_PORTS.get(parts.scheme)
    if port is None or parts.port not in (None, port):
        return (url,)
    host = parts.netloc.removesuffix(f":{port}")
    return tuple(url.replace(parts.netloc, netloc, 1) for netloc in (host, f"{host}:{port}"))
