"""The do-not-call list of an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.address import AddressError, parse_address
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.ids import AccountId, SuppressionId

SUPPRESSED: Final = "SUPPRESSED"
"""Why a row was skipped whose address is on the list."""


@dataclass(frozen=True, slots=True)
class SuppressionFields:
    """What is said of each entry of one request. `expires_at` None: for good."""

    source: str = ""
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    suppression_id: SuppressionId
    account_id: AccountId
    # In normal form.
    address: str
    fields: SuppressionFields
    created_at: datetime


def check_suppressions(
    checks: Checks, addresses: Sequence[str], fields: SuppressionFields, now: datetime
) -> tuple[str, ...]:
    """The addresses in normal form, each once, in the order of their first mention."""
    most = limits.SUPPRESSIONS_PER_REQUEST_MAX
    if not 1 <= len(addresses) <= most:
        checks.fault("addresses", f"must have 1 to {most} addresses")
    normal: dict[str, None] = {}
    for index, text in enumerate(addresses[:most]):
        try:
            normal[parse_address(text)[1]] = None
        except AddressError as error:
            checks.violations.append(FieldViolation(f"addresses[{index}]", str(error)))
    checks.text("source", fields.source, limits.SUPPRESSION_SOURCE_MAX_CHARS)
    checks.text("reason", fields.reason, limits.SUPPRESSION_REASON_MAX_CHARS)
    if fields.expires_at is not None and fields.expires_at <= now:
        checks.fault("expire_time", "must be in the future")
    return tuple(normal)


def renewed(before: SuppressionFields, after: SuppressionFields) -> SuppressionFields:
    """An entry that is made again: the newer words, and the later of both ends."""
    ends = (before.expires_at, after.expires_at)
    later = None if None in ends else max(end for end in ends if end is not None)
    return SuppressionFields(after.source, after.reason, later)
