"""Rules for numbers against a list of all calls: whoever goes may go, and nobody waits for
longer than the rules ask."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from outdial_server.domain.number_gates import LOOK_AGAIN
from outdial_server.domain.number_rules import NumberRules
from outdial_server.domain.report import ReportKind
from outdial_server.domain.scheduled_call import ScheduledCall, ScheduledCallState
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import World, ended, new_row, not_sent, report, unclear

ZONES = ("UTC", "Europe/Vienna", "Pacific/Auckland", "America/Los_Angeles")
STEPS = 60
HOUR = timedelta(hours=1)


@dataclass
class Told:
    """A call as a person would write it down."""

    address: str
    sent_at: datetime
    ended_at: datetime | None = None


class Oracle:
    """Every call that was placed, and no cleverness."""

    def __init__(self, rules: NumberRules) -> None:
        self.rules = rules
        self.calls: dict[str, Told] = {}

    def may_go(self, address: str, zone: str, now: datetime) -> bool:
        of_number = [call for call in self.calls.values() if call.address == address]
        gap, cap = self.rules.min_gap, self.rules.max_calls_per_day
        if gap is not None:
            for call in of_number:
                if call.ended_at is None or now < call.ended_at + gap:
                    return False
        today = now.astimezone(ZoneInfo(zone)).date()
        days = [call.sent_at.astimezone(ZoneInfo(zone)).date() for call in of_number]
        return cap is None or days.count(today) < cap

    def earliest(self, address: str, zone: str, now: datetime) -> datetime:
        """Of calls that have all ended: the only moments at which anything changes."""
        local = now.astimezone(ZoneInfo(zone))
        moments = [now]
        for days in range(5):
            day = local.date() + timedelta(days=days)
            midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
            moments.append(midnight.astimezone(UTC))
        if self.rules.min_gap is not None:
            moments += [c.ended_at + self.rules.min_gap for c in self.calls.values() if c.ended_at]
        return min(at for at in moments if at >= now and self.may_go(address, zone, at))


class Walk:
    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        gap = self.random.choice([None, timedelta(seconds=1), HOUR, 26 * HOUR])
        cap = self.random.choice([None, 1, 2] if gap is not None else [1, 2])
        self.oracle = Oracle(NumberRules(gap, cap))
        self.rows: dict[str, ScheduledCall] = {}
        self.claims: list[ClaimedCall] = []
        self.live: list[ClaimedCall] = []
        self.batches = []

    async def begin(self) -> None:
        await self.world.store.accounts.change_account(
            self.world.account_id, lambda a: replace(a, number_rules=self.oracle.rules)
        )
        for _ in range(3):
            rows = [
                new_row(self.random.randrange(3), time_zone=self.random.choice(ZONES))
                for _ in range(5)
            ]
            self.batches.append(await self.world.batch(rows))

    async def claim(self) -> None:
        self.claims += await self.world.claim(self.random.randint(1, 8))

    async def send(self) -> int:
        self.random.shuffle(self.claims)
        count = self.random.randint(0, len(self.claims))
        group, self.claims = self.claims[:count], self.claims[count:]
        return await self._let_go(group)

    async def _let_go(self, group: list[ClaimedCall]) -> int:
        sent = (await self.world.send(group)).calls
        now = self.world.clock.now()
        for call in sent:
            assert call.time_zone is not None
            assert self.oracle.may_go(call.address, call.time_zone, now)
            self.oracle.calls[call.call_id] = Told(call.address, now)
        self.live += sent
        return len(sent)

    async def come_to_an_end(self) -> None:
        if self.live:
            await self._end(self.live.pop(self.random.randrange(len(self.live))))

    async def _end(self, call: ClaimedCall) -> None:
        how = self.random.random()
        if how < 0.6:
            await self.world.apply(ended(call))
            self.oracle.calls[call.call_id].ended_at = self.world.clock.now()
        elif how < 0.8:
            await self.world.apply(not_sent(call))
            del self.oracle.calls[call.call_id]
        else:
            await self.world.apply(unclear(call))
            self.world.advance(seconds=self.random.choice([0, 40]))
            await self.world.apply(report(call, ReportKind.NOT_PLACED))
            del self.oracle.calls[call.call_id]

    async def wait(self) -> None:
        self.world.clock.advance(self.random.choice([1, 1, 45, 600, 3600, 7 * 3600]) * HOUR / 3600)

    async def drain(self) -> None:
        """From here on calls are placed and end at once: each round lets somebody go."""
        while self.live:
            await self.come_to_an_end()
        await self._hang_up_all(self.claims)
        self.claims = []
        for _ in range(40):
            waiting = [
                row
                for batch_id in self.batches
                for row in await self.world.rows(batch_id)
                if row.state is ScheduledCallState.WAITING
            ]
            if not waiting:
                return
            now = self.world.clock.now()
            soonest = min(
                self.oracle.earliest(row.address, row.effective_time_zone, now) for row in waiting
            )
            # A call that gave its count back leaves those who wait for its end a while.
            self.world.clock.advance(max(soonest, now + LOOK_AGAIN) - now)
            assert await self._hang_up_all(await self.world.claim()), "somebody may go by now"
        raise AssertionError("it never comes to an end")

    async def _hang_up_all(self, claims: list[ClaimedCall]) -> int:
        before = len(self.live)
        count = await self._let_go(claims)
        for call in self.live[before:]:
            await self.world.apply(ended(call))
            self.oracle.calls[call.call_id].ended_at = self.world.clock.now()
        del self.live[before:]
        return count


@pytest.mark.parametrize("seed", range(12))
async def test_numbers_are_called_as_often_as_the_rules_say(world: World, seed: int) -> None:
    walk = Walk(world, seed)
    await walk.begin()
    # To the days of clock changes.
    world.advance(days=walk.random.choice([0, 26, 33]))
    for _ in range(STEPS):
        await walk.random.choice([walk.claim, walk.send, walk.come_to_an_end, walk.wait])()
    await check_invariants(world.store)
    await walk.drain()
    await check_invariants(world.store)
