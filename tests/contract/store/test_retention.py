"""What has been kept for long enough is erased; what is alive or within its time never is."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.call import CallFilter
from outdial_server.domain.errors import NotFoundError, OutOfRangeError, PreconditionError, Reason
from outdial_server.domain.ids import BatchId, ImportId, ThrottleId
from outdial_server.domain.imports import Finding, FindingKind, ImportCounts, ImportState
from outdial_server.domain.limits import IDEMPOTENCY_TTL
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.retention import Retention
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.ports.retention import Erased
from outdial_server.storage.store import Store, open_store
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import imports
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.erasing import erase
from outdial_server.storage.verbs.staging import stage_append, stage_rows
from support.clock import ManualClock, ManualSignals
from support.invariants import check_invariants
from support.stores import HOLD, World, ended, new_row, new_rows, number, settled, unclear

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
AT_ONCE = timedelta(minutes=1)
ALL = Retention(AT_ONCE, AT_ONCE, AT_ONCE, AT_ONCE, AT_ONCE)
TABLES = ("batches", "scheduled_calls", "calls", "events", "requests")


async def erase_all(world: World, keep: Retention, limit: int = 250) -> Erased:
    """Group after group until nothing is due; each leaves a sound store."""
    erased = Erased()
    for _ in range(1_000):
        swept = await world.store.retention.erase(keep, limit)
        await check_invariants(world.store)
        erased += swept.erased
        if not swept.more:
            return erased
    raise AssertionError("erasing never comes to an end")


async def called(world: World, rows: int = 3, **values: Any) -> BatchId:
    """A batch whose people were all called, and which has ended."""
    people = [
        new_row(
            n,
            template_context_json=f'{{"name":"P{n}"}}',
            metadata={"order": str(n)},
            annotations_json=f'{{"origin":{n}}}',
            carrier_params={"send_digits": str(n)},
        )
        for n in range(rows)
    ]
    batch_id = await world.batch(people, **values)
    await world.apply(*(ended(call) for call in await world.live()))
    assert (await world.get(batch_id)).ended_at is not None
    return batch_id


async def counted(world: World) -> dict[str, int]:
    found = {table: await world.sql(f"SELECT COUNT(*) FROM {table}") for table in TABLES}
    return {table: count for table, ((count,),) in found.items()}


# --- what rules have counted, and do-not-call entries


async def test_entries_of_the_do_not_call_list_go_when_they_have_ended(world: World) -> None:
    stranger, store = await world.new_account(), world.store.suppressions
    for account_id in (world.account_id, stranger):
        for n, until in enumerate((None, world.later(days=1), world.later(days=2))):
            fields = SuppressionFields(expires_at=until)
            await store.put_suppressions(account_id, [number(n)], fields)
    world.advance(days=1)
    assert await erase_all(world, Retention(), 1) == Erased(suppressions=2)
    assert await world.sql("SELECT suppressions FROM accounts ORDER BY key") == [(2,), (2,)]
    listed = (await store.list_suppressions(stranger, PageRequest())).items
    assert [entry.address for entry in listed] == [number(0), number(2)]


async def test_calls_of_numbers_go_when_no_rule_asks_for_them(world: World) -> None:
    asked = NumberRules(timedelta(days=3), 1)
    await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, number_rules=asked)
    )
    await world.batch(3)
    first, second, _ = await world.sending()
    await world.apply(ended(first))
    world.advance(days=2)
    await world.apply(ended(second))
    world.clock.advance(timedelta(days=1) - MOMENT)
    assert await erase_all(world, Retention(), 2) == Erased()
    world.clock.advance(MOMENT)
    assert await erase_all(world, Retention(), 2) == Erased(number_calls=2), "one is lost"
    assert await world.sql("SELECT address FROM number_calls") == [(second.address,)]
    await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, number_rules=NO_NUMBER_RULES)
    )
    assert await erase_all(world, Retention(), 2) == Erased(number_calls=1)


async def test_a_throttle_forgets_what_no_window_holds(world: World) -> None:
    throttle_id = ThrottleId(world.ids.new_id())
    rules_of_it = (ThrottleRule(100, timedelta(days=1)),)
    store = world.store.throttles
    await store.create_throttle(world.account_id, throttle_id, ThrottleFields("slow", rules_of_it))
    await world.batch(4, throttle="slow")
    for _ in range(4):
        await world.apply(*(ended(call) for call in await world.sending(1)))
        world.advance(hours=1)
    await store.delete_throttle(world.account_id, throttle_id)
    world.advance(hours=21)
    assert await erase_all(world, Retention(), 1) == Erased(throttle_hits=2)
    assert await world.sql("SELECT COUNT(*) FROM throttle_hits") == [(2,)]


# --- answers to repeated requests


async def test_answers_to_requests_go_when_they_have_expired(world: World) -> None:
    await world.create(1, world.request("one"))
    world.advance(hours=1)
    await world.create(1, world.request("two"))
    world.clock.advance(IDEMPOTENCY_TTL - timedelta(hours=1))
    assert await erase_all(world, Retention()) == Erased(requests=1)
    assert await world.sql("SELECT request_id FROM requests") == [("two",)]


# --- lists that came in


async def new_import(world: World, findings: int, *, ended: bool = True) -> ImportId:
    import_id = ImportId(world.ids.new_id())

    def verb(tx: Tx) -> None:
        key = imports.begin_import(tx, account_key(tx, world.account_id), import_id)
        found = [Finding(n, FindingKind.FAULT, "address", "no number") for n in range(findings)]
        imports.keep_findings(tx, key, range(1, len(found) + 1), found)
        if ended:
            counts = ImportCounts(findings, 0, findings, 0)
            imports.end_import(tx, key, ImportState.REFUSED, counts, None)

    await world.store.database.write(verb)
    return import_id


async def test_imports_go_with_their_findings_and_one_under_way_stays(world: World) -> None:
    old = await new_import(world, 7)
    await new_import(world, 3, ended=False)
    world.clock.advance(DAY)
    recent = await new_import(world, 2)
    erased = await erase_all(world, Retention(imports=DAY), limit=5)
    assert erased == Erased(imports=1, findings=7)
    with pytest.raises(NotFoundError):
        await world.store.imports.get_import(world.account_id, old)
    page = await world.store.imports.list_findings(world.account_id, recent, PageRequest())
    assert len(page.items) == 2
    assert await world.sql("SELECT COUNT(*) FROM imports") == [(2,)]
    assert await world.sql("SELECT COUNT(*) FROM import_findings") == [(5,)]


# --- events


async def test_events_go_a_time_after_their_batch_has_ended(world: World) -> None:
    batch_id = await called(world)
    newest = (await world.get(batch_id)).sequence
    keep = Retention(events=DAY)
    world.clock.advance(DAY - timedelta(seconds=1))
    assert await erase_all(world, keep) == Erased()
    world.advance(seconds=1)
    assert await erase_all(world, keep, limit=4) == Erased(events=newest)
    for after in (0, newest - 1):
        with pytest.raises(OutOfRangeError) as refusal:
            await world.events(batch_id, after)
        assert refusal.value.reason is Reason.EVENTS_ERASED
        assert refusal.value.metadata == {"oldest_sequence": str(newest + 1)}
    assert await world.events(batch_id, newest) == []
    assert [row.state for row in await world.rows(batch_id)] == [ScheduledCallState.FAILED] * 3
    assert await erase_all(world, keep) == Erased()


async def test_the_log_is_whole_from_its_oldest_event_on_at_every_moment(world: World) -> None:
    batch_id = await called(world)
    newest = (await world.get(batch_id)).sequence
    world.clock.advance(DAY)
    assert (await world.store.retention.erase(Retention(events=DAY), 1)).erased.events == 4
    with pytest.raises(OutOfRangeError) as refusal:
        await world.events(batch_id, 3)
    assert refusal.value.metadata == {"oldest_sequence": "5"}
    assert [e.sequence for e in await world.events(batch_id, 4)] == list(range(5, newest + 1))


async def test_a_batch_that_lives_again_has_its_new_events_erased_after_its_new_end(
    world: World,
) -> None:
    batch_id = await called(world)
    world.clock.advance(DAY)
    keep = Retention(events=DAY)
    await erase_all(world, keep)
    # One more event, and a later end: as a batch that was called again.
    await world.change(batch_id, rules.delete)
    assert await erase_all(world, keep) == Erased()
    await world.execute("UPDATE batches SET ended_us = ended_us + 86400000000")
    assert await erase_all(world, keep) == Erased()
    world.clock.advance(DAY)
    assert await erase_all(world, keep) == Erased(events=1)


async def test_the_log_of_a_batch_that_has_not_ended_is_never_touched(world: World) -> None:
    batch_id = await world.batch(2)
    await world.live()
    world.advance(days=10_000)
    assert await erase_all(world, ALL) == Erased()
    assert len(await world.events(batch_id)) == 5


# --- payloads


async def test_payloads_go_and_people_with_their_outcome_stay(world: World) -> None:
    batch_id = await called(world, 7)
    before = await world.rows(batch_id)
    world.clock.advance(DAY)
    assert await erase_all(world, Retention(payloads=DAY), limit=3) == Erased(payloads=7)
    after = await world.rows(batch_id)
    assert {(r.template_context_json, r.annotations_json, *r.metadata) for r in after} == {("", "")}
    assert [*before[0].carrier_params, *after[0].carrier_params] == ["send_digits"]
    assert [(r.address, r.state, r.call_id) for r in after] == [
        (r.address, r.state, r.call_id) for r in before
    ]
    assert len(await world.events(batch_id)) == (await world.get(batch_id)).sequence
    assert await erase_all(world, Retention(payloads=DAY)) == Erased()


async def test_large_payloads_go_in_smaller_groups(world: World) -> None:
    large = '{"a":"' + "x" * 60_000 + '"}'
    batch_id = await world.batch(new_rows(120, template_context_json=large))
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    world.clock.advance(DAY)
    swept = await world.store.retention.erase(Retention(payloads=DAY), 100)
    assert swept.more
    assert 0 < swept.erased.payloads <= 100
    assert (await erase_all(world, Retention(payloads=DAY))).payloads > 0
    assert {row.template_context_json for row in await world.rows(batch_id)} == {""}


# --- whole batches


async def test_an_old_batch_is_hidden_before_the_first_part_of_it_goes(world: World) -> None:
    batch_id = await called(world)
    row = await world.row(batch_id)
    world.clock.advance(DAY)
    swept = await world.store.retention.erase(Retention(batches=DAY), 1)
    assert (swept.erased, swept.more) == (Erased(), True)
    assert (await counted(world))["events"] > 0
    calls = world.store.calls
    for look in (
        world.get(batch_id),
        world.events(batch_id, 10),
        world.rows(batch_id),
        world.store.events.changed_since(batch_id, 10, 1),
        calls.get_scheduled_call(world.account_id, row.scheduled_call_id),
        calls.list_calls(world.account_id, PageRequest(), CallFilter(batch_id)),
        world.change(batch_id, rules.delete),
    ):
        with pytest.raises(NotFoundError):
            await look
    page = await world.store.batches.list_batches(world.account_id, PageRequest())
    assert page.items == []


async def test_calls_outlive_their_batch_until_their_own_time(world: World) -> None:
    batch_id = await world.batch(new_rows(4, template_context_json='{"name":"Ada"}'))
    made = await world.live(2)
    await world.apply(*(ended(call) for call in made))
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    before = [await world.store.calls.get_call(world.account_id, c.call_id) for c in made]
    keep = Retention(batches=DAY, calls=3 * DAY)
    world.clock.advance(DAY)
    erased = await erase_all(world, keep, limit=3)
    assert (erased.rows, erased.payloads, erased.calls, erased.batches) == (2, 2, 0, 0)
    assert erased.events > 0
    after = [await world.store.calls.get_call(world.account_id, c.call_id) for c in made]
    assert after == before
    listed = await world.store.calls.list_calls(world.account_id, PageRequest())
    assert len(listed.items) == 2
    world.clock.advance(2 * DAY)
    assert await erase_all(world, keep, limit=1) == Erased(rows=2, calls=2, batches=1)
    assert set((await counted(world)).values()) == {0}
    with pytest.raises(NotFoundError):
        await world.store.calls.get_call(world.account_id, made[0].call_id)


async def test_a_deleted_batch_goes_after_its_grace(world: World) -> None:
    deleted, other = await called(world), await called(world)
    await world.change(deleted, rules.delete)
    keep = Retention(deleted=DAY)
    world.clock.advance(DAY - timedelta(seconds=1))
    assert await erase_all(world, keep) == Erased()
    world.advance(seconds=1)
    erased = await erase_all(world, keep)
    assert (erased.payloads, erased.rows, erased.calls) == (3, 0, 0)
    assert len(await world.rows(other)) == 3
    listed = await world.store.calls.list_calls(world.account_id, PageRequest())
    assert len(listed.items) == 6, "calls that were made stay"


async def test_a_deleted_batch_of_which_nobody_was_called_leaves_nothing(world: World) -> None:
    batch_id = await world.batch(5)
    # Claimed but never sent: nobody was called.
    await world.claim(2)
    await world.change(batch_id, rules.delete)
    world.advance(minutes=1)
    await world.store.dispatch.reap()
    await world.settle_all()
    world.clock.advance(DAY)
    erased = await erase_all(world, Retention(deleted=DAY))
    assert (erased.rows, erased.batches) == (5, 1)
    assert set((await counted(world)).values()) == {0}


async def test_everything_is_kept_by_default(world: World) -> None:
    await world.change(await called(world), rules.delete)
    await called(world)
    before = await counted(world)
    world.advance(days=30_000)
    assert await erase_all(world, Retention()) == Erased()
    assert await counted(world) == before


async def test_many_small_batches_go_in_one_group(world: World) -> None:
    for _ in range(6):
        await world.change(await world.batch(1), rules.cancel)
    await world.settle_all()
    world.clock.advance(DAY)
    swept = await world.store.retention.erase(Retention(events=DAY), 10_000)
    assert swept.erased.events == 4 * 6


# --- what is alive


async def test_nothing_alive_is_erased_however_old(world: World) -> None:
    await world.batch(1, display_name="waits", draft=True)
    await world.batch(1, unknown_policy=HOLD)
    await world.apply(unclear((await world.sending(1))[0]))
    await world.batch(2)
    await world.live(1)
    await world.claim(1)
    deleted = await world.batch(2)
    await world.live(1)
    await world.change(deleted, rules.delete)
    unsettled = await world.batch(2)
    await world.change(unsettled, rules.cancel)
    await world.change(await world.batch(1), rules.pause)
    before = await counted(world)
    world.advance(days=10_000)
    assert await erase_all(world, ALL) == Erased()
    assert await counted(world) == before


@pytest.mark.parametrize(
    "plant",
    [
        "UPDATE slots SET used = 1 WHERE kind = 4",
        "UPDATE batches SET unknown = 1",
        "UPDATE batches SET sends_in_flight = 1",
        "UPDATE batches SET dialing = 1",
        "UPDATE batches SET settling_to = 7",
    ],
)
async def test_a_batch_that_says_that_it_ended_and_is_alive_is_left_alone(
    world: World, plant: str
) -> None:
    """No verb leaves a store like this; should one ever, nothing is lost."""
    await called(world)
    await world.execute(plant)
    before = await counted(world)
    world.advance(days=10_000)
    swept = await world.store.retention.erase(Retention(batches=DAY, calls=DAY), 250)
    assert not swept.more
    assert await counted(world) == before


async def test_a_batch_with_rows_being_staged_is_left_until_their_append_has_broken_off(
    world: World,
) -> None:
    batch_id = await world.batch(1)
    rows = new_rows(2, first=50)

    def stage(tx: Tx) -> None:
        stage_rows(tx, stage_append(tx, world.account_id, batch_id, None, None), 0, rows)

    await world.store.database.write(stage)
    await world.apply(*(ended(call) for call in await world.live()))
    world.advance(minutes=30)
    assert (await erase_all(world, ALL)).batches == 0
    world.advance(hours=1)
    assert (await erase_all(world, ALL)).batches == 1
    assert set((await counted(world)).values()) == {0}


async def test_an_append_that_comes_late_is_refused_and_leaves_nothing(world: World) -> None:
    batch_id = await called(world)
    with pytest.raises(PreconditionError):
        await world.add(batch_id, 1)
    world.clock.advance(DAY)
    await erase_all(world, Retention(batches=DAY))
    with pytest.raises(NotFoundError):
        await world.add(batch_id, 1)


async def test_a_callback_for_a_call_that_is_gone_changes_nothing(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    await world.apply(ended(call))
    world.clock.advance(DAY)
    await erase_all(world, ALL)
    assert (await world.apply(ended(call))).changed == 0
    assert set((await counted(world)).values()) == {0}


# --- broken off, and together


async def test_broken_off_between_two_groups_another_server_goes_on(
    database_url: str, clock: ManualClock, ids: UuidV7Ids
) -> None:
    async def opened() -> Store:
        return await open_store(database_url, clock, ids, ManualSignals(clock), clock_decides=True)

    world = await settled(await opened(), clock, ids)
    await world.change(await called(world), rules.delete)
    await called(world)
    clock.advance(DAY)
    more, erased = True, Erased()
    while more:
        swept = await world.store.retention.erase(ALL, 1)
        erased, more = erased + swept.erased, swept.more
        await world.store.close()
        world.store = await opened()
        await check_invariants(world.store)
    assert set((await counted(world)).values()) == {0}
    assert (erased.rows, erased.calls, erased.batches) == (6, 6, 2)
    await world.store.close()


async def test_broken_off_inside_a_group_nothing_of_it_has_happened(world: World) -> None:
    await called(world)
    before = await counted(world)
    world.clock.advance(DAY)

    def dies(tx: Tx) -> None:
        assert erase(tx, ALL, 100_000).erased.total > 0
        raise KeyError("died")

    with pytest.raises(KeyError):
        await world.store.database.write(dies)
    assert await counted(world) == before
    await check_invariants(world.store)


async def test_two_servers_erase_together(world: World) -> None:
    for _ in range(4):
        await called(world, 5)
    world.clock.advance(DAY)

    async def sweep() -> Erased:
        erased = Erased()
        while (swept := await world.store.retention.erase(ALL, 7)).more:
            erased += swept.erased
        return erased + swept.erased

    one, two = await asyncio.gather(sweep(), sweep())
    await erase_all(world, ALL)
    assert set((await counted(world)).values()) == {0}
    assert (one + two).rows <= 20


async def test_erasing_beside_dialling_leaves_the_living_alone(world: World) -> None:
    for _ in range(5):
        await called(world, 4)
    world.clock.advance(DAY)
    running = await world.batch(30)

    async def dial() -> None:
        for _ in range(10):
            await world.apply(*(ended(call) for call in await world.live(3)))

    async def sweep() -> None:
        for _ in range(60):
            await world.store.retention.erase(Retention(DAY, DAY, DAY, DAY, DAY), 3)

    await asyncio.gather(dial(), sweep())
    await check_invariants(world.store)
    batch = await world.get(running)
    assert (batch.counts.total, batch.counts.unfinished) == (30, 0)
    assert len(await world.rows(running)) == 30
    assert len(await world.events(running)) == batch.sequence
