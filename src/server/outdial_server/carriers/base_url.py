"""Where a carrier's API is, as a client has given it."""

from typing import Final
from urllib.parse import urlsplit

from outdial_server.domain.checks import Checks
from outdial_server.domain.internet import AddressGuard
from outdial_server.outgoing.target import target_of

_MOST_CHARS: Final = 256


def check_base_url(checks: Checks, url: str, guard: AddressGuard) -> None:
    """Its form; where it leads is judged at each connection."""
    try:
        target_of(url)
        parts = urlsplit(url)
    except ValueError:
        checks.fault("base_url", "must be an https URL with a host")
        return
    checks.text("base_url", url, _MOST_CHARS)
    if parts.username is not None or parts.query or parts.fragment:
        checks.fault("base_url", "must not have a user, query or fragment")
    if parts.scheme != "https" and not guard.allows_plainly(parts.hostname or ""):
        checks.fault("base_url", "must be https")
