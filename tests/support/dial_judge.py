"""What must hold of whoever is claimed and sent."""

from collections import defaultdict
from zoneinfo import ZoneInfo

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.ids import BatchId
from outdial_server.domain.retry_policy import RetryPolicy, attempt_cap
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.encoding import micros, pack_id
from support.stores import World

Slots = dict[tuple[int, int], tuple[int | None, int]]
"""By scope: the cap that is meant, and how many are used."""


class DialJudge:
    def __init__(self, world: World) -> None:
        self._world = world
        # The largest budget that each batch ever had, and tries beside it: asked for by hand
        # or by the unknown policy.
        self._budgets: dict[BatchId, int] = {}
        self._asked: defaultdict[bytes, set[int]] = defaultdict(set)

    def note_budget(self, batch_id: BatchId, policy: RetryPolicy | None) -> None:
        self._budgets[batch_id] = max(attempt_cap(policy), self._budgets.get(batch_id, 1))

    def may_dial(self, batch: Batch) -> bool:
        end = batch.settings.window_end
        return batch.state is BatchState.RUNNING and (end is None or self._world.clock.now() < end)

    async def check_slots(self, before: Slots) -> None:
        """Nobody has taken a slot above a cap."""
        for scope, (target, used) in (await self.slots()).items():
            grown = used > before.get(scope, (None, 0))[1]
            assert not grown or target is None or used <= target, f"{scope}: over its cap"

    async def slots(self) -> Slots:
        rows = await self._world.sql("SELECT kind, owner, target_cap, used FROM slots")
        return {(kind, owner): (target, used) for kind, owner, target, used in rows}

    async def check_try(self, call: ClaimedCall, batch: Batch) -> None:
        """No try above the budget but those that were asked for."""
        ((row, attempt, granted),) = await self._world.sql(
            "SELECT s.id, c.attempt, s.retry_attempt FROM calls c "
            "JOIN scheduled_calls s ON s.key = c.scheduled_key WHERE c.id = :id",
            id=pack_id(call.call_id),
        )
        if granted == attempt:
            assert attempt <= attempt_cap(batch.settings.retry_policy), "as it is by now"
        elif attempt > 1:
            self._asked[row].add(attempt)
        assert attempt <= self._budgets[batch.batch_id] + len(self._asked[row])

    async def suppressed(self) -> set[str]:
        rows = await self._world.sql(
            "SELECT address FROM suppressions WHERE expires_us IS NULL OR expires_us > :now",
            now=micros(self._world.clock.now()),
        )
        return {address for (address,) in rows}

    async def dials_today(self, batch_id: BatchId) -> int:
        zone = ZoneInfo((await self._world.look(batch_id)).settings.time_zone)
        now = self._world.clock.now().astimezone(zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        ((count,),) = await self._world.sql(
            "SELECT COUNT(*) FROM calls c JOIN batches b ON b.key = c.batch_key "
            "WHERE b.id = :id AND c.sent_us >= :midnight",
            id=pack_id(batch_id),
            midnight=micros(midnight),
        )
        return int(count)

    async def is_in_hours(self, call: ClaimedCall) -> bool:
        if call.batch_id is None:
            return True
        batch = await self._world.look(call.batch_id)
        hours = batch.settings.calling_hours
        if hours is None:
            return True
        rows = await self._world.rows(call.batch_id)
        (row,) = (row for row in rows if row.call_id == call.call_id)
        local = self._world.clock.now().astimezone(ZoneInfo(row.effective_time_zone))
        return hours.start_minute <= local.hour * 60 + local.minute < hours.end_minute
