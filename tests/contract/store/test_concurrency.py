"""Everything at once: several workers over one database, and the same promises."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.errors import OutdialError
from outdial_server.domain.ids import BatchId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import (
    World,
    accepted,
    answered,
    ended,
    ids_of,
    new_rows,
    not_sent,
    refused,
    report,
    unclear,
)

CAP = 12
ROUNDS = 25


class Crowd:
    """Workers that share nothing but the store and a list of calls that were sent."""

    def __init__(self, world: World, batches: list[BatchId], seed: int) -> None:
        self.world = world
        self.batches = batches
        self.random = Random(seed)
        self.sent: list[ClaimedCall] = []
        self.let_go: list[tuple[str, int]] = []
        self.most_used = 0

    async def dial(self) -> None:
        for _ in range(ROUNDS):
            calls = await self.world.claim(self.random.randint(1, 8))
            sent = (await self.world.send(calls)).calls
            self.let_go += [(call.call_id, call.fence) for call in sent]
            self.sent += sent

    async def hear(self) -> None:
        for _ in range(ROUNDS * 2):
            some = self.random.sample(self.sent, min(len(self.sent), 6))
            await self.world.apply(*(self._news(call) for call in some))

    def _news(self, call: ClaimedCall) -> CallReport:
        kinds = (accepted, answered, ended, ended, ended, not_sent, refused, unclear)
        if self.random.random() < 0.1:
            return report(call, ReportKind.PRESUMED_ENDED)
        return self.random.choice(kinds)(call)

    async def decide(self) -> None:
        decisions = [rules.pause, rules.resume, rules.resume, rules.resume]
        for _ in range(ROUNDS):
            decide = self.random.choice(decisions)
            with suppress(OutdialError):
                await self.world.change(self.random.choice(self.batches), decide)
        for batch_id in self.batches:
            with suppress(OutdialError):
                await self.world.change(batch_id, rules.resume)

    async def cancel_rows(self) -> None:
        for _ in range(ROUNDS):
            batch_id = self.random.choice(self.batches)
            row = await self.world.row(batch_id, self.random.randrange(20))
            with suppress(OutdialError):
                await self.world.store.calls.cancel_scheduled_call(
                    self.world.account_id, row.scheduled_call_id
                )

    async def append(self) -> None:
        for n in range(5):
            with suppress(OutdialError):
                await self.world.add(self.random.choice(self.batches), new_rows(3, 100 + 3 * n))

    async def keep_up(self) -> None:
        dispatch = self.world.store.dispatch
        for n in range(ROUNDS):
            await dispatch.reap(every_lease=n % 5 == 0)
            silent = await dispatch.silent_calls(5)
            await dispatch.postpone([(c.call_id, self.world.clock.now()) for c in silent.calls])
            await dispatch.move_windows()
            await dispatch.settle(7)

    async def change_limits(self) -> None:
        for _ in range(ROUNDS // 2):
            cap = self.random.randint(CAP // 2, CAP)
            await self.world.store.accounts.change_account(
                self.world.account_id,
                lambda a, cap=cap: replace(a, max_concurrent_calls=cap),  # type: ignore[misc]
            )
            await self.world.store.agents.change_agent(
                self.world.account_id,
                self.world.agent_id,
                lambda a, cap=cap: replace(a.fields, max_concurrent_calls=cap - 1),  # type: ignore[misc]
            )

    async def watch(self) -> None:
        """Sees one moment after the other, and at each what must always hold."""
        for _ in range(ROUNDS // 2):
            await check_invariants(self.world.store)
            self.most_used = max(self.most_used, (await self.world.used())[0])

    async def finish(self) -> None:
        """Ends what is left. Whoever still holds a claim has lost it."""
        for _ in range(50):
            await self.world.store.dispatch.reap(every_lease=True)
            self.world.advance(seconds=10)
            await self.dial_and_end()
            await self.world.settle_all()
            if all([(await self.world.get(b)).ended_at for b in self.batches]):
                return
        raise AssertionError("the batches never end")

    async def dial_and_end(self) -> None:
        sent = (await self.world.send(await self.world.claim())).calls
        self.sent += sent
        await self.world.apply(
            *(report(c, ReportKind.ENDED, disposition=Disposition.BUSY) for c in self.sent)
        )


@pytest.mark.parametrize("seed", range(2))
async def test_many_at_once_keep_every_promise(world: World, seed: int) -> None:
    await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, max_concurrent_calls=CAP)
    )
    batches = [await world.batch(20, priority=n, max_concurrent_calls=8) for n in range(3)]
    crowd = Crowd(world, batches, seed)
    await asyncio.gather(
        crowd.dial(),
        crowd.dial(),
        crowd.dial(),
        crowd.hear(),
        crowd.hear(),
        crowd.decide(),
        crowd.cancel_rows(),
        crowd.append(),
        crowd.keep_up(),
        crowd.change_limits(),
        crowd.watch(),
    )
    await check_invariants(world.store)
    assert crowd.most_used <= CAP
    assert len(set(crowd.let_go)) == len(crowd.let_go), "no claim was let go twice"
    await crowd.finish()
    await check_invariants(world.store)
    assert await world.used() == (0, 0)


async def test_two_claimers_at_once_share_the_rows(world: World) -> None:
    await world.batch(60)
    claims = await asyncio.gather(*(world.claim(20) for _ in range(6)))
    calls = [call for claim in claims for call in claim]
    rest = await world.claim()
    assert len(set(ids_of(calls + rest))) == len(calls) + len(rest) == 60
    await check_invariants(world.store)


async def test_claimers_at_once_never_pass_a_cap(world: World) -> None:
    await world.batch(60, max_concurrent_calls=7)
    claims = await asyncio.gather(*(world.claim(5) for _ in range(8)))
    assert sum(len(claim) for claim in claims) == 7


async def test_a_pause_and_a_send_at_once_come_in_one_order_or_the_other(world: World) -> None:
    """What is sent is in flight when the pause is answered, or is not sent at all."""
    for _ in range(10):
        batch_id = await world.batch(4)
        calls = await world.claim()
        sent, paused = await asyncio.gather(world.send(calls), world.change(batch_id, rules.pause))
        in_flight = paused.counts.sends_in_flight
        assert (len(sent.calls), sent.given_back) in [(4, 0), (0, 4)]
        assert in_flight == len(sent.calls)
        await world.apply(*(ended(call) for call in sent.calls))
    await check_invariants(world.store)


async def test_a_cancel_of_a_row_and_its_send_at_once_do_not_both_win(world: World) -> None:
    for _ in range(10):
        batch_id = await world.batch(1)
        calls = await world.claim()
        row = await world.row(batch_id)
        sent, cancelled = await asyncio.gather(
            world.send(calls),
            world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id),
            return_exceptions=True,
        )
        assert not isinstance(sent, BaseException)
        assert len(sent.calls) == (1 if isinstance(cancelled, OutdialError) else 0)
        await world.apply(*(ended(call) for call in sent.calls))
    await check_invariants(world.store)


async def test_a_cancel_of_a_row_and_a_claim_at_once_both_succeed(world: World) -> None:
    """A row that is claimed and not sent is as good as waiting, whoever comes first."""
    for _ in range(10):
        batch_id = await world.batch(3)
        row = await world.row(batch_id)
        _, cancelled = await asyncio.gather(
            world.claim(),
            world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id),
        )
        assert cancelled.state.name == "CANCELLED"
        await world.change(batch_id, rules.cancel)
    await check_invariants(world.store)


async def test_a_reaper_does_not_take_a_claim_made_anew(world: World) -> None:
    await world.batch(5)
    for _ in range(10):
        await world.claim()
        world.advance(seconds=15)
        _, fresh = await asyncio.gather(world.store.dispatch.reap(), world.claim())
        sent = await world.send(fresh)
        assert len(sent.calls) == len(fresh)
        await world.apply(*(not_sent(call) for call in sent.calls))
        world.advance(seconds=1)
    await check_invariants(world.store)


async def test_two_reapers_at_once_reap_once(world: World) -> None:
    await world.batch(20)
    calls = await world.claim()
    await world.send(calls[:10])
    world.advance(minutes=1)
    reaped = await asyncio.gather(*(world.store.dispatch.reap() for _ in range(5)))
    assert sum(r.given_back for r in reaped) == 10
    assert sum(r.unknown for r in reaped) == 10
    assert {await world.call_state(c) for c in calls[:10]} == {CallState.UNKNOWN}
    await check_invariants(world.store)


async def test_settlers_at_once_settle_each_row_once(world: World) -> None:
    batch_id = await world.batch(40)
    await world.change(batch_id, rules.cancel)
    await asyncio.gather(*(world.settle_all(6) for _ in range(5)))
    batch = await world.get(batch_id)
    assert (batch.counts.cancelled, batch.sequence) == (40, 43)
    await check_invariants(world.store)
