"""Dials of a day, counted from the calls themselves, for a cap that is new, or of other days
than before. That looks through all calls of the batch, some 20 ms for each 100,000: so a reader
counts, as of an event of the batch's log, and the writer sees to what has happened since."""

from dataclasses import dataclass
from typing import Final

from outdial_server.domain.event import EventType
from outdial_server.domain.time_zones import local_day, moment_of
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros
from outdial_server.storage.tx import Tx


@dataclass(frozen=True, slots=True)
class CountedDials:
    """Of one batch on one date."""

    batch_key: int
    zone: str
    # An ordinal.
    day: int
    dials: int
    # The batch's last event.
    sequence: int
    # Those of the dials that may turn out not to have been sent. No more than are alive.
    in_flight: frozenset[int]


class DialsUncountedError(Exception):
    """A count is needed: the transaction is taken back, and carried out again with one."""

    def __init__(self, batch_key: int, zone: str) -> None:
        super().__init__()
        self.batch_key = batch_key
        self.zone = zone


def count_dials(tx: Tx, batch_key: int, zone: str) -> CountedDials:
    """For a reader: calls and log are seen as of one moment."""
    midnight = _midnight(tx, zone)
    of_day = "FROM calls c WHERE c.batch_key = :batch AND c.sent_us >= :midnight"
    dials = tx.scalar(f"SELECT COUNT(*) {of_day}", batch=batch_key, midnight=midnight)
    alive = tx.all(
        f"SELECT c.key {of_day} AND c.holds_slot = 1", batch=batch_key, midnight=midnight
    )
    sequence = tx.scalar("SELECT event_seq FROM batches WHERE key = :key", key=batch_key)
    return CountedDials(
        batch_key, zone, _today(tx, zone), dials, sequence, frozenset(row.key for row in alive)
    )


def dials_today(tx: Tx, batch_key: int, zone: str, counted: CountedDials | None) -> dict[str, int]:
    """Columns of the batch, whose row is locked. Raises DialsUncountedError."""
    day = _today(tx, zone)
    if counted is None or (counted.batch_key, counted.zone, counted.day) != (batch_key, zone, day):
        raise DialsUncountedError(batch_key, zone)
    touched = _sent_or_not_since(tx, counted)
    still = tx.scalar(
        "SELECT COUNT(*) FROM calls c WHERE c.sent_us >= :midnight "
        f"AND c.key IN (SELECT r.key FROM {tx.dialect.rows('rows', (('key', Kind.INT),))} AS r)",
        midnight=_midnight(tx, zone),
        rows=json_text([[key] for key in sorted(touched)]),
    )
    dials = counted.dials - len(touched & counted.in_flight) + still
    return {"dial_day": day, "dials_on_day": dials}


_TELLING: Final = f"{int(EventType.CALL_SENDING)}, {int(EventType.CALL_NOT_SENT)}"


def _sent_or_not_since(tx: Tx, counted: CountedDials) -> frozenset[int]:
    """Calls. Few: the log of the milliseconds in between."""
    rows = tx.all(
        "SELECT DISTINCT e.call_key FROM events e WHERE e.batch_key = :batch AND e.seq > :since "
        f"AND e.type IN ({_TELLING})",
        batch=counted.batch_key,
        since=counted.sequence,
    )
    return frozenset(row.call_key for row in rows)


def _midnight(tx: Tx, zone: str) -> int:
    return micros(moment_of(zone, local_day(zone, tx.now), 0))


def _today(tx: Tx, zone: str) -> int:
    return local_day(zone, tx.now).toordinal()
