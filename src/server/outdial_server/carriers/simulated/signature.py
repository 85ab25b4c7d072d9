"""How the simulated carrier signs its callbacks: HMAC-SHA256 over `TIME.BODY`."""

import hmac
from typing import Final

HEADER: Final = "x-outdial-simulated-signature"


def sign(secret: str, unix_seconds: int, body: bytes) -> str:
    return f"t={unix_seconds},v1={_digest(secret, str(unix_seconds), body)}"


def is_signed(secret: str, header: str, body: bytes) -> bool:
    """Whether the header is ours over these very bytes. Its age is not checked: a callback
    that was kept through an outage is as true as a fresh one, and doubling it harmless."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    time_text, given = parts.get("t", ""), parts.get("v1", "")
    if not time_text.isascii() or not given.isascii():
        return False
    return hmac.compare_digest(given, _digest(secret, time_text, body))


def _digest(secret: str, time_text: str, body: bytes) -> str:
    signed = time_text.encode() + b"." + body
    return hmac.digest(secret.encode(), signed, "sha256").hex()
