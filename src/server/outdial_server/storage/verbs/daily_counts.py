"""Dials of a day, counted from the calls themselves."""

from outdial_server.domain.time_zones import local_day, moment_of
from outdial_server.storage.encoding import micros
from outdial_server.storage.tx import Tx


def count_dials(tx: Tx, batch_key: int, zone: str) -> dict[str, int]:
    """For a cap that is new, or of other days than before: what has gone today. Looks through
    the calls of the batch, some 20 ms for each 100,000; caps are seldom changed."""
    day = local_day(zone, tx.now)
    dials: int = tx.scalar(
        "SELECT COUNT(*) FROM calls WHERE batch_key = :batch AND sent_us >= :midnight",
        batch=batch_key,
        midnight=micros(moment_of(zone, day, 0)),
    )
    return {"dial_day": day.toordinal(), "dials_on_day": dials}
