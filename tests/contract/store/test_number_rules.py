"""Rules for each number: over all batches, and counted at SENDING."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.errors import ExhaustedError, Reason
from outdial_server.domain.explanation import Verdict, batch_answers, batch_verdict
from outdial_server.domain.ids import AccountId
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.report import ReportKind
from outdial_server.ports.dispatch import ClaimedCall, DispatchStore
from outdial_server.storage.store import open_store
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.reporting import apply_reports
from outdial_server.storage.verbs.sending import mark_sending
from support.clock import ManualSignals
from support.invariants import check_invariants
from support.statements import said_by
from support.stores import (
    World,
    accepted,
    addresses,
    ended,
    new_row,
    new_rows,
    not_sent,
    number,
    report,
    unclear,
)

GAP = timedelta(seconds=60)
MOMENT = timedelta(microseconds=1)


async def ask(
    world: World,
    gap: timedelta | None = None,
    a_day: int | None = None,
    account_id: AccountId | None = None,
) -> None:
    await world.store.accounts.change_account(
        account_id or world.account_id, lambda a: replace(a, number_rules=NumberRules(gap, a_day))
    )


async def dial(world: World) -> list[ClaimedCall]:
    """Claims and sends what may go."""
    return list((await world.send(await world.claim())).calls)


async def call_through(world: World) -> list[ClaimedCall]:
    """Dials, and the calls end at once."""
    calls = await dial(world)
    await world.apply(*(ended(call) for call in calls))
    return calls


async def counted(world: World) -> int:
    ((calls,),) = await world.sql("SELECT COUNT(*) FROM number_calls")
    return int(calls)


async def test_the_rules_are_read_as_they_were_set(world: World) -> None:
    accounts = world.store.accounts
    for asked in (NumberRules(GAP, 3), NumberRules(None, 3), NumberRules(GAP), NO_NUMBER_RULES):
        changed = await accounts.change_account(
            world.account_id, lambda a, asked=asked: replace(a, number_rules=asked)
        )
        assert changed.number_rules == asked
        assert await accounts.get_account(world.account_id) == changed
    made = await accounts.create_account(
        AccountId(world.ids.new_id()), "Twin", 10, 0, None, NumberRules(GAP)
    )
    assert made.number_rules == NumberRules(GAP)
    assert (await accounts.get_account(world.account_id)).number_rules == NO_NUMBER_RULES


async def test_the_gap_begins_at_the_end_of_the_call(world: World) -> None:
    await ask(world, GAP)
    await world.batch(1)
    await world.batch(1)
    (first,) = await dial(world)
    assert await dial(world) == []
    world.advance(seconds=300)
    assert await dial(world) == [], "it is still live"
    await world.apply(ended(first))
    assert await dial(world) == []
    world.clock.advance(GAP - MOMENT)
    assert await dial(world) == []
    world.clock.advance(MOMENT)
    (second,) = await dial(world)
    assert second.batch_id != first.batch_id
    await check_invariants(world.store)


async def test_several_rows_of_one_number_go_one_after_the_other(world: World) -> None:
    await ask(world, GAP)
    batch_id = await world.batch([*new_rows(3, address=number(7)), new_row(8)])
    claimed = await world.claim()
    assert len(claimed) == 4, "at the claim nobody had been called"
    sent = await world.send(claimed)
    assert (addresses(sent.calls), sent.given_back) == ([number(7), number(8)], 2)
    for _ in range(2):
        await world.apply(*(ended(call) for call in sent.calls))
        assert await dial(world) == []
        world.clock.advance(GAP)
        sent = await world.send(await world.claim())
        assert addresses(sent.calls) == [number(7)]
    await world.apply(ended(sent.calls[0]))
    assert (await world.get(batch_id)).ended_at is not None
    await check_invariants(world.store)


async def test_of_two_claims_of_one_number_one_goes_and_the_other_is_put_off(
    world: World,
) -> None:
    await ask(world, GAP)
    batches = [await world.batch(1) for _ in range(2)]
    claimed = await world.claim()
    assert {call.batch_id for call in claimed} == set(batches)
    first, second = claimed
    assert (await world.send([first])).given_back == 0
    assert (await world.send([second])).given_back == 1
    await world.apply(ended(first))
    assert await world.claim() == []
    row = await world.row(second.batch_id)
    assert row.due_at == world.clock.now() + GAP


async def test_so_many_calls_go_on_one_date_of_the_persons_zone(world: World) -> None:
    await ask(world, a_day=2)
    vienna = ZoneInfo("Europe/Vienna")
    await world.batch(new_rows(4, address=number(1), time_zone="Europe/Vienna"))
    now = world.clock.now().astimezone(vienna)
    midnight = datetime(now.year, now.month, now.day, tzinfo=vienna) + timedelta(days=1)
    assert len(await call_through(world)) == 2
    assert await dial(world) == []
    world.clock.advance(midnight.astimezone(UTC) - world.clock.now() - MOMENT)
    assert await dial(world) == []
    world.clock.advance(MOMENT)
    assert len(await call_through(world)) == 2


async def test_each_row_asks_for_the_day_of_its_own_zone(world: World) -> None:
    await ask(world, a_day=1)
    # 09:00 in UTC: in Auckland it is evening, and another date from 11:00 on.
    await world.batch(new_rows(2, address=number(1), time_zone="Pacific/Auckland"))
    await world.batch(new_rows(1, address=number(1), time_zone="UTC"))
    assert len(await call_through(world)) == 1
    world.advance(hours=12)
    (second,) = await call_through(world)
    ((zone,),) = await world.sql(
        "SELECT s.time_zone FROM scheduled_calls s JOIN calls c ON c.scheduled_key = s.key "
        "WHERE c.attempt = 1 AND c.sent_us = (SELECT MAX(sent_us) FROM calls)"
    )
    assert zone == "Pacific/Auckland"
    assert second.address == number(1)
    world.advance(hours=12)
    assert len(await call_through(world)) == 1


async def test_a_call_that_was_not_sent_counts_for_nothing(world: World) -> None:
    await ask(world, GAP, a_day=1)
    first, second = await world.batch(1), await world.batch(1)
    (turned_away,) = await dial(world)
    await world.apply(not_sent(turned_away, timedelta(seconds=90)))
    assert await counted(world) == 0
    world.clock.advance(GAP)
    (instead,) = await call_through(world)
    assert {turned_away.batch_id, instead.batch_id} == {first, second}
    world.advance(hours=6)
    assert await dial(world) == [], "one a day is one a day"


@pytest.mark.parametrize(
    ("policy", "kind", "again"),
    [
        (UnknownPolicy.AT_MOST_ONCE, ReportKind.NOT_PLACED, False),
        (UnknownPolicy.RECONCILED_RETRY, ReportKind.NOT_PLACED, True),
        (UnknownPolicy.HOLD, ReportKind.GIVE_UP, False),
        (UnknownPolicy.HOLD, ReportKind.DIAL_AGAIN, True),
    ],
)
async def test_a_call_that_was_never_placed_gives_its_count_back(
    world: World, policy: UnknownPolicy, kind: ReportKind, *, again: bool
) -> None:
    await ask(world, GAP, a_day=1)
    await world.batch(1, unknown_policy=policy)
    (lost,) = await dial(world)
    await world.apply(unclear(lost))
    await world.batch(1)
    assert await dial(world) == [], "perhaps it rings at this moment"
    await world.apply(report(lost, kind))
    assert await counted(world) == 0
    world.clock.advance(GAP)
    assert len(await dial(world)) == 1
    assert (await world.row(lost.batch_id)).ended_at is None or not again


async def test_an_unknown_call_that_can_no_longer_live_is_over(world: World) -> None:
    await ask(world, GAP)
    await world.batch(1, unknown_policy=UnknownPolicy.HOLD)
    (lost,) = await dial(world)
    await world.apply(unclear(lost))
    await world.batch(1)
    await world.apply(report(lost, ReportKind.PRESUMED_ENDED))
    world.clock.advance(GAP)
    assert len(await dial(world)) == 1


async def test_direct_calls_count_and_are_held_back(world: World) -> None:
    await ask(world, GAP)
    await world.batch(1)
    (live,) = await dial(world)
    with pytest.raises(ExhaustedError) as busy:
        await world.direct(new_row(0))
    assert (busy.value.reason, busy.value.metadata["because"]) == (
        Reason.CALL_HELD_BACK,
        "NUMBER_IN_A_CALL",
    )
    await world.apply(ended(live))
    with pytest.raises(ExhaustedError) as resting:
        await world.direct(new_row(0))
    assert resting.value.metadata["because"] == "NUMBER_RESTS"
    assert resting.value.retry_after == GAP
    world.clock.advance(GAP)
    made = (await world.direct(new_row(0))).claimed
    assert made is not None
    await world.batch(1)
    assert len((await world.send([made])).calls) == 1
    assert await dial(world) == []
    await world.apply(ended(made))
    world.clock.advance(GAP)
    assert len(await dial(world)) == 1
    await check_invariants(world.store)


async def test_the_normal_form_is_what_counts_and_only_in_the_account(world: World) -> None:
    stranger = await world.new_account()
    agent = await world.new_agent("Bob", account_id=stranger)
    await ask(world, GAP)
    await ask(world, GAP, account_id=stranger)
    normal = "sip:ada@example.net"
    await world.batch([new_row(1, address="SIP:ada@Example.net", normalized_address=normal)])
    await world.batch([new_row(1, address=normal)])
    await world.batch([new_row(1, address=normal)], account_id=stranger, agent_id=agent)
    calls = await dial(world)
    assert {call.account_id for call in calls} == {world.account_id, stranger}
    assert len(calls) == 2


async def test_other_rules_have_those_looked_at_again_who_were_put_off(world: World) -> None:
    await ask(world, timedelta(days=20))
    await world.batch(2, duplicates=world.new_batch().duplicates)
    batch_id = await world.batch(2)
    assert len(await call_through(world)) == 2
    assert await dial(world) == []
    put_off = await world.row(batch_id)
    assert put_off.due_at is not None
    assert put_off.due_at > world.later(days=19)
    await ask(world, GAP)
    await world.settle_all()
    assert await dial(world) == []
    world.clock.advance(GAP)
    assert len(await dial(world)) == 2


async def test_a_claim_made_before_there_were_rules_is_not_sent(world: World) -> None:
    await world.batch(1)
    claimed = await world.claim()
    await ask(world, GAP)
    assert (await world.send(claimed)).given_back == 1
    assert len(await dial(world)) == 1


async def test_rules_that_were_lifted_hold_nobody(world: World) -> None:
    await ask(world, GAP, 1)
    await world.batch(new_rows(2, address=number(1)))
    claimed = await world.claim()
    await ask(world)
    assert len((await world.send(claimed)).calls) == 2
    assert await counted(world) == 0


async def test_an_account_without_rules_costs_no_statement(world: World) -> None:
    await ask(world, GAP, account_id=await world.new_account())
    await world.batch(2)
    store = world.store
    claims, of_claim = await said_by(store, lambda tx: claim(tx, 10, ParsedAgents()))
    sent, of_sending = await said_by(store, lambda tx: mark_sending(tx, claims.calls))
    reports = [ended(call) for call in sent.sending]
    _, of_end = await said_by(store, lambda tx: apply_reports(tx, reports, ()))
    assert len(sent.sending) == 2
    for said in (*of_claim, *of_sending, *of_end):
        assert "number_calls" not in said.replace("number_calls_per_day", "")
        assert not said.startswith("SELECT n.account_key"), "nothing is locked"


async def _work(dispatch: DispatchStore, world: World) -> int:
    """Claims, sends and hangs up, again and again; how many calls went."""
    count = 0
    for _ in range(8):
        claims = await dispatch.claim(6)
        sent = await dispatch.mark_sending(lambda calls=claims.calls: calls)
        count += len(sent.calls)
        world.advance(seconds=1)
        reports = [r for call in sent.calls for r in (accepted(call), ended(call))]
        await dispatch.apply_reports(lambda reports=reports: reports)
        world.advance(seconds=1)
    return count


async def test_many_workers_never_call_a_number_twice_at_once(
    world: World, database_url: str
) -> None:
    """Of two servers on PostgreSQL; an SQLite file has one at most."""
    await ask(world, timedelta(seconds=2), a_day=50)
    for _ in range(6):
        await world.batch([new_row(n % 3) for n in range(12)])
    others = []
    if database_url.startswith("postgresql"):
        signals = ManualSignals(world.clock)
        others.append(
            await open_store(database_url, world.clock, world.ids, signals, clock_decides=True)
        )
    stores = [world.store, *others]
    counts = await asyncio.gather(
        *(_work(stores[place % len(stores)].dispatch, world) for place in range(4))
    )
    for store in others:
        await store.close()
    calls = await world.sql(
        "SELECT address, sent_us, ended_us FROM number_calls ORDER BY address, sent_us"
    )
    assert sum(counts) == len(calls) > 12
    for (address, _, ended_us), (next_address, sent_us, _) in pairwise(calls):
        assert address != next_address or sent_us >= ended_us + 2_000_000
    await check_invariants(world.store)


async def test_an_explanation_of_a_batch_names_the_end_of_the_rest_and_not_when_it_asks_again(
    world: World,
) -> None:
    await ask(world, gap=timedelta(hours=4))
    await world.batch([new_row(1)])
    (first,) = await world.live()
    waiting = await world.batch([new_row(1)])
    assert await world.claim() == []

    async def said() -> Verdict:
        standing = await world.store.standings.batch_standing(world.account_id, waiting)
        return batch_verdict(standing, batch_answers(standing))

    while_alive = await said()
    assert while_alive.next_at is None
    assert while_alive.blocking is not None
    assert while_alive.blocking.reason == "NUMBERS_IN_CALLS"
    world.advance(seconds=10)
    await world.apply(ended(first))
    rested_at = world.later(hours=4)
    assert (await said()).next_at == rested_at
    world.clock.move_to(rested_at - MOMENT)
    assert await world.claim() == []
    world.clock.move_to(rested_at)
    assert len(await world.claim()) == 1
