"""Explanations held against what comes true."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from outdial_server.domain.errors import NotFoundError
from outdial_server.domain.explanation import (
    LevelledAnswer,
    RowStanding,
    Verdict,
    batch_answers,
    batch_verdict,
    row_answers,
    row_verdict,
)
from outdial_server.domain.gates import SLOT_GATE_NAMES, GateAnswer
from outdial_server.domain.ids import BatchId, ScheduledCallId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.encoding import pack_id, unpack_id
from support.stores import World

COUNTED = ("number_gap", "number_day", "throttle", "carrier_rate")
OF_NUMBERS = ("numbers", "caller_id")
OF_SLOTS = (*SLOT_GATE_NAMES, *OF_NUMBERS)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a row, or of all rows of a batch that waited, before `at`."""

    at: datetime
    blocked: Sequence[GateAnswer]
    verdict: Verdict

    @classmethod
    def of(cls, at: datetime, answers: Iterable[LevelledAnswer], verdict: Verdict) -> "Said":
        return cls(at, [a.answer for a in answers if not a.answer.is_open], verdict)

    def must_not_be_claimed(self, now: datetime, *, something_happened: bool) -> str:
        """Why; empty when it may."""
        # A call that turns out not to have been placed gives its count back, and one that has
        # ended its number.
        soft = (*COUNTED, *OF_NUMBERS)
        firm = [a for a in self.blocked if a.gate not in soft or not something_happened]
        of_all = self.verdict.next_at if len(firm) == len(self.blocked) else None
        moments = [of_all, *(answer.next_at for answer in firm)]
        until = max((m for m in moments if m is not None), default=now)
        if now < until:
            return f"until {until}"
        for answer in self.blocked:
            # A do-not-call entry may end before a claim has met the row.
            lasts = answer.gate != "suppression" or now == self.at
            if answer.is_for_good and lasts:
                return f"for good: {answer.reason}"
            is_of_slots = answer.gate in OF_SLOTS and answer.next_at is None
            if is_of_slots and not something_happened:
                return f"for want of a slot: {answer.gate}"
            if answer.look_at and answer.waits_for and not something_happened:
                return f"until a call ends: {answer.gate}"
        return f"and by then {self.verdict.too_late.reason}" if self.verdict.too_late else ""


class Explained:
    """What was said of one account's rows and has not been overtaken by an operator."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._said: dict[ScheduledCallId, list[Said]] = {}
        self._batch_of: dict[ScheduledCallId, BatchId] = {}
        self._something_happened = False
        # How often a claim was compared with what was said, and a moment arrived at.
        self.claims_foreseen = 0
        self.moments_kept = 0

    def forget(self) -> None:
        """An operator's command changed the world."""
        self._said.clear()

    def event(self) -> None:
        """Something happened that may free a slot."""
        self._something_happened = True

    async def look(self, batches: Iterable[BatchId]) -> None:
        self.forget()
        self._something_happened = False
        for batch_id in batches:
            with suppress(NotFoundError):
                await self._look_at(batch_id)

    async def _look_at(self, batch_id: BatchId) -> None:
        standings, account_id = self._world.store.standings, self._world.account_id
        standing = await standings.batch_standing(account_id, batch_id)
        rows = standing.rows
        assert rows.waiting == rows.claimed + rows.due.number + rows.put_off.number
        answers = batch_answers(standing)
        of_batch = Said.of(standing.at, answers, batch_verdict(standing, answers))
        for row in await self._world.rows(batch_id):
            if row.state is not ScheduledCallState.WAITING:
                continue
            of_row = await standings.row_standing(account_id, row.scheduled_call_id)
            assert (of_row.candidate is None) == (of_row.lease_ends_at is not None)
            if of_row.candidate is not None:
                self._batch_of[row.scheduled_call_id] = batch_id
                self._said[row.scheduled_call_id] = [_said_of(of_row), of_batch]

    async def check_claimed(self, calls: Sequence[ClaimedCall]) -> None:
        """Nobody is dialled before it was said."""
        now = self._world.clock.now()
        for row_id in await self._rows_of(calls):
            for said in self._said.get(row_id, ()):
                broken = said.must_not_be_claimed(now, something_happened=self._something_happened)
                assert not broken, f"claimed at {now}, said at {said.at} to be blocked {broken}"

    async def check_foreseen(
        self, batches: Iterable[BatchId], calls: Sequence[ClaimedCall]
    ) -> None:
        """A claim right after the look takes those explained as open, and nobody else of a
        batch; direct calls that wait come with them."""
        foreseen = {row_id for row_id, said in self._said.items() if not said[0].blocked}
        of_batches = [call for call in calls if call.batch_id is not None]
        assert set(await self._rows_of(of_batches)) == foreseen, "open is what the next claim takes"
        self.claims_foreseen += len(foreseen)
        for batch_id in batches:
            of_batch = [row for row in self._said if self._batch_of[row] == batch_id]
            is_open = any(not self._said[row][1].blocked for row in of_batch)
            assert is_open == any(row in foreseen for row in of_batch), "a batch is as its rows"

    def next_moment(self) -> tuple[ScheduledCallId, datetime] | None:
        """A row, and the soonest moment that one of its gates named, or all of them."""
        now = self._world.clock.now()
        moments = [
            (moment, row_id)
            for row_id, (said, _) in self._said.items()
            for moment in (said.verdict.next_at, *(a.next_at for a in said.blocked))
            if moment is not None and moment > now
        ]
        if not moments:
            return None
        moment, row_id = min(moments)
        return row_id, moment

    async def check_arrived(self, row_id: ScheduledCallId) -> None:
        """At the moment that a gate named it lets the row through."""
        now, before = self._world.clock.now(), self._said[row_id][0]
        standing = await self._world.store.standings.row_standing(self._world.account_id, row_id)
        assert standing.candidate is not None, "nobody could be dialled before"
        still = {a.gate for a in _said_of(standing).blocked}
        opened = {a.gate for a in before.blocked if a.next_at is not None and a.next_at <= now}
        if before.verdict.next_at == now:
            opened |= {a.gate for a in before.blocked}
        assert not still & opened, f"said at {before.at} to open at {now}: {still & opened}"
        self.moments_kept += 1

    async def _rows_of(self, calls: Sequence[ClaimedCall]) -> list[ScheduledCallId]:
        rows: list[ScheduledCallId] = []
        for call in calls:
            ((packed,),) = await self._world.sql(
                "SELECT s.id FROM scheduled_calls s JOIN calls c ON c.key = s.call_key "
                "WHERE c.id = :id",
                id=pack_id(call.call_id),
            )
            rows.append(ScheduledCallId(unpack_id(packed)))
        return rows


def _said_of(standing: RowStanding) -> Said:
    assert standing.candidate is not None
    answers = row_answers(standing, standing.candidate)
    return Said.of(standing.batch.at, answers, row_verdict(standing, standing.candidate, answers))


MOMENT = timedelta(microseconds=1)
