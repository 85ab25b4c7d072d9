"""How Plivo signs its callbacks, version 3: HMAC-SHA256 over the URL that it asked, its query
and the form in the order of their names, and a nonce."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

SIGNATURE_HEADER: Final = "x-plivo-signature-v3"
NONCE_HEADER: Final = "x-plivo-signature-v3-nonce"

Pairs = Sequence[tuple[str, str]]


def is_signed(
    token: str, url: str, form: Iterable[tuple[str, str]], nonce: str, given: str
) -> bool:
    """`url` is the public one, query and all. `given` may be several signatures, one for each
    token that the account has at the time: any of them will do."""
    if not given.isascii():
        return False
    expected = signature(token, url, form, nonce)
    found = [hmac.compare_digest(expected, one.strip()) for one in given.split(",")]
    return any(found)


def signature(token: str, url: str, form: Iterable[tuple[str, str]], nonce: str) -> str:
    """Of a POST."""
    signed = f"{_signed_text(url, sorted(form))}.{nonce}"
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _signed_text(url: str, form: Pairs) -> str:
    parts = urlsplit(url)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    text = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if query or form:
        text += "?" + "&".join(f"{name}={value}" for name, value in query)
    if query and form:
        text += "."
    return text + "".join(name + value for name, value in form)
