"""Secrets, and Standard Webhooks: how a request shows that it is ours
(https://www.standardwebhooks.com)."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.checks import Checks
from outdial_server.domain.webhook_format import WebhookFormat

_PREFIX: Final = "whsec_"
SECRET_CHARS: Final = 32
"""Letters and digits, about 190 bits; they are the key, byte for byte."""


_KEY_BYTES: Final = range(24, 65)
"""Of a key that the standard allows."""


def check_secret(checks: Checks, form: WebhookFormat, secret: str) -> None:
    """Of one that a client brings along; the formats of others take any text as it is."""
    checks.text("secret", secret, limits.WEBHOOK_SECRET_MAX_CHARS)
    if form is not WebhookFormat.OUTDIAL or checks.violations:
        return
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        checks.fault("secret", "must be whsec_ and 24 to 64 bytes in base64")


def secret_of(chars: str) -> str:
    """The form in which a secret is shown: its bytes in base64 behind a prefix."""
    return _PREFIX + b64encode(chars.encode()).decode()


def signed_headers(
    message_id: str, at: datetime, body: bytes, secrets: Iterable[str]
) -> Mapping[str, str]:
    """With a signature for each of the secrets: whoever knows one of them can verify it."""
    seconds = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), seconds.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{_mac(secret, content)}" for secret in secrets),
    }


def _mac(secret: str, content: bytes) -> str:
    key = b64decode(secret.removeprefix(_PREFIX))
    return b64encode(hmac.new(key, content, sha256).digest()).decode()
