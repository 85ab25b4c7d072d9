"""What retention may not have erased yet, read by its own rule."""

from datetime import timedelta
from typing import Any, Final

from outdial_server.domain.retention import Retention
from outdial_server.storage.encoding import micros
from support.stores import World

_STAYS: Final = (
    "(b.ended_us IS NULL OR (b.ended_us > :batches "
    "AND (b.deleted_us IS NULL OR b.deleted_us > :deleted)))"
)

_KEPT: Final = {
    "batches": f"SELECT b.id, b.total FROM batches b WHERE {_STAYS} ORDER BY b.key",
    "rows": "SELECT s.id, s.address, s.final_state FROM scheduled_calls s "
    f"JOIN batches b ON b.key = s.batch_key WHERE {_STAYS} ORDER BY s.key",
    "payloads": "SELECT s.id, s.context_json, s.metadata_json FROM scheduled_calls s "
    f"JOIN batches b ON b.key = s.batch_key WHERE {_STAYS} "
    "AND (b.ended_us IS NULL OR b.ended_us > :payloads) ORDER BY s.key",
    # A call of a batch that was claimed and never sent goes with its row.
    "calls": "SELECT c.id, c.state FROM calls c JOIN batches b ON b.key = c.batch_key "
    "WHERE b.ended_us IS NULL OR ((c.state <> 1 OR c.is_direct = 1) "
    "AND b.ended_us > :calls) ORDER BY c.key",
    "events": "SELECT e.batch_key, e.seq, e.type FROM events e "
    f"JOIN batches b ON b.key = e.batch_key WHERE {_STAYS} "
    "AND (b.ended_us IS NULL OR b.ended_us > :events) ORDER BY e.batch_key, e.seq",
}


async def read_kept(world: World, keep: Retention) -> dict[str, list[tuple[Any, ...]]]:
    now = world.clock.now()

    def before(kept: timedelta | None) -> int:
        return -1 if kept is None else micros(now - kept)

    moments = {
        "batches": before(keep.batches),
        "deleted": before(keep.deleted),
        "payloads": before(keep.payloads),
        "calls": before(keep.calls),
        "events": before(keep.events),
    }
    return {
        what: await world.sql(
            statement, **{name: us for name, us in moments.items() if f":{name}" in statement}
        )
        for what, statement in _KEPT.items()
    }
