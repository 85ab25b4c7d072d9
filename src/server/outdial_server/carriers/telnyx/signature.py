"""How Telnyx signs its webhooks: Ed25519 over `TIME|BODY`."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outdial_server.ports.carrier import RawCallback

SIGNATURE_HEADER: Final = "telnyx-signature-ed25519"
TIME_HEADER: Final = "telnyx-timestamp"

OLD_AFTER: Final = timedelta(minutes=5)
"""Each delivery is signed anew, so an older one was kept by somebody; as much the other way,
for clocks that are apart."""


def public_key_of(text: str) -> Ed25519PublicKey:
    """Raises ValueError for anything but the base64 of 32 bytes."""
    return Ed25519PublicKey.from_public_bytes(b64decode(text, validate=True))


def is_signed(
    key: Ed25519PublicKey, time_text: str, body: bytes, given: str, now: datetime
) -> bool:
    if not (time_text.isascii() and time_text.isdigit()):
        return False
    try:
        sent_at = datetime.fromtimestamp(int(time_text), UTC)
        key.verify(b64decode(given, validate=True), time_text.encode() + b"|" + body)
    except (ValueError, OverflowError, OSError, InvalidSignature):
        return False
    return abs(now - sent_at) <= OLD_AFTER


def is_own(key: Ed25519PublicKey, callback: RawCallback, now: datetime) -> bool:
    return is_signed(
        key,
        callback.headers.get(TIME_HEADER, ""),
        callback.body,
        callback.headers.get(SIGNATURE_HEADER, ""),
        now,
    )
