"""Contacts know how often they were called, and how the latest call ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from outdial_server.domain.call import Disposition
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.tx import Tx


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call to a copy of the contact."""

    contact_id: bytes
    sent_us: int
    disposition: Disposition | None


_COLUMNS: Final = (
    ("contact", Kind.BYTES),
    ("count", Kind.INT),
    ("sent", Kind.INT),
    ("disposition", Kind.INT),
)


def count_ended(tx: Tx, calls: Iterable[EndedCall]) -> None:
    """In the transaction that ends them. A contact that is gone by now is not found, and
    nothing is counted. Costs a statement where there are any, and else nothing."""
    rows = _by_contact(calls)
    if not rows:
        return
    # Calls that run at the same time may end in another order than they began.
    assignments = (
        "call_count = call_count + r.count, "
        "last_disposition = CASE WHEN last_call_us > r.sent THEN last_disposition "
        "ELSE r.disposition END, "
        f"last_call_us = {tx.dialect.greatest('coalesce(last_call_us, 0)', 'r.sent')}"
    )
    tx.update_each(
        tx.dialect.update_each("contacts", assignments, "contacts.id = r.contact", _COLUMNS), rows
    )


def _by_contact(calls: Iterable[EndedCall]) -> Sequence[Sequence[Any]]:
    """One row a contact, in one order with everybody else who changes contacts."""
    counts: dict[bytes, int] = {}
    latest: dict[bytes, EndedCall] = {}
    for call in calls:
        counts[call.contact_id] = counts.get(call.contact_id, 0) + 1
        before = latest.get(call.contact_id)
        if before is None or before.sent_us <= call.sent_us:
            latest[call.contact_id] = call
    return [
        (contact_id, count, latest[contact_id].sent_us, _number(latest[contact_id].disposition))
        for contact_id, count in sorted(counts.items())
    ]


def _number(disposition: Disposition | None) -> int | None:
    return None if disposition is None else int(disposition)
