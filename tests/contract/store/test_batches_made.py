"""Batches come into being and grow: all of it or nothing, once for each request."""

import asyncio
from datetime import timedelta
from itertools import chain

import pytest

from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchCounts, BatchState
from outdial_server.domain.batch_policies import ConfigErrorPolicy, DuplicatePolicy, UnknownPolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.errors import (
    AlreadyExistsError,
    InvalidFieldsError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.event import BatchAfter, EventType
from outdial_server.domain.ids import AgentId, BatchId
from outdial_server.domain.plan import Duplicate
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    NewScheduledCall,
    ScheduledCallState,
)
from support.invariants import check_invariants
from support.stores import NO_ID, World, bring_in, ended, new_row, new_rows, number

KEEP, SKIP, REJECT = DuplicatePolicy.KEEP, DuplicatePolicy.SKIP, DuplicatePolicy.REJECT


@pytest.mark.parametrize("count", [1, 1_200])
async def test_a_batch_has_its_rows_in_their_order(world: World, count: int) -> None:
    batch_id = await world.batch(count)
    batch = await world.get(batch_id)
    assert batch.counts == BatchCounts(total=count, waiting=count, undispatched=count)
    rows = await world.rows(batch_id)
    assert [(row.position, row.address) for row in rows] == [(n, number(n)) for n in range(count)]
    assert [e.type for e in await world.events(batch_id)] == [EventType.BATCH_CREATED]
    await check_invariants(world.store)


async def test_a_batch_is_read_as_it_was_made(world: World) -> None:
    settings = BatchSettings(
        display_name="März — Termine",
        window_start=world.later(hours=1),
        window_end=world.later(hours=9),
        priority=3,
        weight=7,
        max_concurrent_calls=11,
        caller_id="+15550001",
        unknown_policy=UnknownPolicy.HOLD,
        on_config_error=ConfigErrorPolicy.FAIL,
        ring_timeout=timedelta(seconds=25),
        max_call_duration=timedelta(minutes=7),
        metadata={"ward": "3", "ü": ""},
        annotations_json='{"z":[1.0,null]}',
        carrier_params={"SendDigits": "1ww2", "Record": True},
    )
    names = BatchSettings.__dataclass_fields__
    made = await world.create(2, **{name: getattr(settings, name) for name in names})
    batch = made.batch
    assert made.skipped == ()
    assert batch == await world.get(batch.batch_id)
    assert batch.settings == settings
    assert (batch.account_id, batch.agent_id) == (world.account_id, world.agent_id)
    assert (batch.carrier, batch.duplicates) == ("simulated", KEEP)
    assert (batch.state, batch.state_reason) == (BatchState.SCHEDULED, "WINDOW_NOT_OPEN")
    assert (batch.sequence, batch.revision) == (1, 1)
    assert batch.created_at == batch.updated_at == world.clock.now()
    assert (batch.started_at, batch.ended_at, batch.deleted_at) == (None, None, None)


async def test_a_row_is_read_as_it_was_given(world: World) -> None:
    new = NewScheduledCall(
        address="sip:Ada@Example.NET",
        normalized_address="sip:Ada@example.net",
        custom_id="patient 7",
        time_zone="Europe/Vienna",
        priority=4,
        caller_id="+15550002",
        template_context_json='{"b":1.0, "a":"ß\\u0000"}',
        metadata={"k": "v"},
        ring_timeout=timedelta(seconds=12),
        annotations_json='{"b":1.0, "a":"as it came"}',
        carrier_params={"SendDigits": "1ww2", "Record": True},
        contact_id=world.ids.new_id(),
        contact_folder_id=world.ids.new_id(),
    )
    batch_id = await world.batch([new])
    row = await world.row(batch_id)
    assert row == await world.store.calls.get_scheduled_call(
        world.account_id, row.scheduled_call_id
    )
    # What the number tells is shown as the zone that counts, where it does.
    for name in NewScheduledCall.__dataclass_fields__.keys() - {"number_zone"}:
        assert getattr(row, name) == getattr(new, name), name
    assert (row.state, row.state_reason) == (ScheduledCallState.WAITING, "")
    assert (row.dispatch_outcome, row.dispatched_at) == (DispatchOutcome.NONE, None)
    assert (row.attempt_count, row.call_id, row.disposition) == (0, None, None)
    assert row.due_at == world.clock.now()
    assert row.ended_at is None
    assert abs(row.created_at - world.clock.now()) < timedelta(milliseconds=2)


@pytest.mark.parametrize(
    ("draft", "opens_in", "state"),
    [
        (True, None, BatchState.DRAFT),
        (True, 60, BatchState.DRAFT),
        (False, None, BatchState.RUNNING),
        (False, -60, BatchState.RUNNING),
        (False, 0, BatchState.RUNNING),
        (False, 60, BatchState.SCHEDULED),
    ],
)
async def test_a_batch_starts_by_its_window(
    world: World, draft: bool, opens_in: int | None, state: BatchState
) -> None:
    start = None if opens_in is None else world.later(seconds=opens_in)
    made = await world.create(1, draft=draft, window_start=start)
    assert made.batch.state is state
    running = state is BatchState.RUNNING
    assert made.batch.started_at == (world.clock.now() if running else None)
    (event,) = await world.events(made.batch.batch_id)
    assert event.after == BatchAfter(int(state), made.batch.state_reason, "", 1)
    assert event.at == world.clock.now()


async def test_an_empty_draft_grows_and_is_started(world: World) -> None:
    made = await world.create(0, draft=True)
    assert made.batch.counts == BatchCounts()
    with pytest.raises(PreconditionError) as refusal:
        await world.change(made.batch.batch_id, rules.start)
    assert refusal.value.reason is Reason.BATCH_EMPTY
    await world.add(made.batch.batch_id, 2)
    started = await world.change(made.batch.batch_id, rules.start)
    assert started.state is BatchState.RUNNING
    assert len(await world.claim()) == 2
    await check_invariants(world.store)


async def test_a_batch_for_an_unknown_agent_leaves_nothing(world: World) -> None:
    stranger = await world.new_account()
    for agent_id in (NO_ID, "no uuid", await world.new_agent("Eve", account_id=stranger)):
        with pytest.raises(NotFoundError) as refusal:
            await world.batch(1, agent_id=AgentId(agent_id))
        assert refusal.value.reason is Reason.AGENT_NOT_FOUND
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(0,)]


# --- staging


class Interrupted(BaseException):
    """Not an Exception: like a cancellation, or the end of the process."""


class BrokenRow:
    """Stands in for a row, and breaks when it is written."""

    normalized_address = number(0)
    contact_id = ""
    carrier_config = ""

    @property
    def address(self) -> str:
        raise Interrupted


async def test_nothing_is_seen_before_the_last_slice(world: World) -> None:
    batch_id = await world.batch(1)
    adding = asyncio.ensure_future(world.add(batch_id, SLICE_ROWS * 3))
    seen = []
    while not adding.done():
        page = await world.store.events.rows(batch_id, -1, 10_000)
        assert len(page.rows) == page.batch.counts.total
        seen.append(page.batch.counts.total)
        claimed = await world.claim(10)
        assert len(claimed) <= 1 or (await world.get(batch_id)).counts.total > 1
    await adding
    assert seen[0] == 1
    assert set(seen) <= {1, 1 + SLICE_ROWS * 3}


async def test_a_batch_is_hidden_until_it_is_whole(world: World) -> None:
    new = world.new_batch()

    async def create() -> None:
        async with world.store.intake.new_batch(new, None) as staging:
            await bring_in(staging, new_rows(SLICE_ROWS * 4))

    creating = asyncio.ensure_future(create())
    seen = []
    while not creating.done():
        try:
            seen.append((await world.look(new.batch_id)).counts.total)
        except NotFoundError:
            seen.append(0)
    await creating
    assert seen[0] == 0
    assert set(seen) <= {0, SLICE_ROWS * 4}


async def test_a_broken_creation_leaves_nothing(world: World) -> None:
    rows = [*new_rows(SLICE_ROWS), BrokenRow()]
    with pytest.raises(Interrupted):
        await world.create(rows)  # type: ignore[arg-type]
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(0,)]
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(0,)]


async def test_a_broken_append_leaves_the_batch_as_it_was(world: World) -> None:
    batch_id = await world.batch(2)
    before = await world.get(batch_id)
    rows = [*new_rows(SLICE_ROWS, 10), BrokenRow()]
    with pytest.raises(Interrupted):
        await world.add(batch_id, rows)  # type: ignore[arg-type]
    assert await world.get(batch_id) == before
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(2,)]
    assert (await world.add(batch_id, 3)).batch.counts.total == 5


async def test_what_a_crash_left_of_a_creation_is_hidden_and_swept(world: World) -> None:
    kept = await world.batch(3)
    await world.execute(
        "INSERT INTO batches (id, account_key, agent_key, duplicates, priority, weight, "
        "unknown_policy, on_config_error, ring_timeout_s, max_call_duration_s, state, "
        "created_us, updated_us) SELECT :id, account_key, agent_key, duplicates, priority, "
        "weight, unknown_policy, on_config_error, ring_timeout_s, max_call_duration_s, state, "
        "created_us, updated_us FROM batches",
        id=bytes(16),
    )
    await world.execute(
        "INSERT INTO scheduled_calls (id, batch_key, position, address, rank, due_us) "
        "SELECT :id, b.key, 0, '+15551', 1, 0 FROM batches b WHERE b.id = :batch",
        id=b"s" * 16,
        batch=bytes(16),
    )
    assert len(await world.claim()) == 3
    assert await world.store.dispatch.sweep_staging() == 1
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]
    assert (await world.get(kept)).counts.total == 3


async def test_what_a_crash_left_of_an_append_is_hidden_and_swept(world: World) -> None:
    batch_id = await world.batch(2)
    for position in (2, 3):
        await _plant_staged_row(world, position)
    assert len(await world.rows(batch_id)) == 2
    assert len(await world.claim()) == 2
    assert await world.store.dispatch.sweep_staging() == 2
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(2,)]
    assert await world.store.dispatch.sweep_staging() == 0


async def test_an_append_overwrites_what_a_crash_left_there(world: World) -> None:
    batch_id = await world.batch(2)
    for position in (2, 3, 4):
        await _plant_staged_row(world, position)
    await world.add(batch_id, [new_row(77)])
    assert [row.address for row in await world.rows(batch_id)] == [
        number(0),
        number(1),
        number(77),
    ]
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(3,)]


async def _plant_staged_row(world: World, position: int) -> None:
    await world.execute(
        "INSERT INTO scheduled_calls (id, batch_key, position, address, rank, due_us) "
        "SELECT :id, key, :position, '+15559', 1, 0 FROM batches",
        # Made long ago.
        id=bytes(15) + bytes([position]),
        position=position,
    )


# --- requests


async def test_the_same_request_makes_one_batch(world: World) -> None:
    request = world.request("r-1", b"c")
    rows = [new_row(1), new_row(2), new_row(1)]
    first = await world.create(rows, request, duplicates=SKIP)
    assert first.skipped == (Duplicate(2, number(1), 0, 0),)
    again = await world.create(rows, request, duplicates=SKIP)
    assert again == first
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(2,)]


async def test_a_repeated_request_shows_the_batch_as_it_is_now(world: World) -> None:
    request = world.request("r-1", b"c")
    first = await world.create(1, request)
    await world.change(first.batch.batch_id, rules.pause)
    again = await world.create(1, request)
    assert again.batch.state is BatchState.PAUSED
    assert again.batch.batch_id == first.batch.batch_id


async def test_a_request_id_with_other_content_is_refused(world: World) -> None:
    await world.create(1, world.request("r-1", b"one"))
    with pytest.raises(AlreadyExistsError) as refusal:
        await world.create(1, world.request("r-1", b"two"))
    assert refusal.value.reason is Reason.REQUEST_ID_REUSED
    assert refusal.value.metadata == {"request_id": "r-1"}
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]


async def test_the_same_request_at_once_makes_one_batch(world: World) -> None:
    request = world.request("r-1", b"c")
    rows = [*new_rows(SLICE_ROWS + 10), new_row(3)]
    made = await asyncio.gather(*(world.create(rows, request, duplicates=SKIP) for _ in range(5)))
    assert len({stored.batch.batch_id for stored in made}) == 1
    assert {stored.skipped for stored in made} == {(Duplicate(SLICE_ROWS + 10, number(3), 3, 3),)}
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(SLICE_ROWS + 10,)]
    await check_invariants(world.store)


async def test_other_content_at_once_is_refused_but_for_one(world: World) -> None:
    results = await asyncio.gather(
        *(world.create(5, world.request("r-1", bytes([n]))) for n in range(5)),
        return_exceptions=True,
    )
    refused = [r for r in results if isinstance(r, AlreadyExistsError)]
    assert len(refused) == 4
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]


async def test_a_request_that_failed_may_be_sent_again(world: World) -> None:
    request = world.request("r-1", b"c")
    with pytest.raises(Interrupted):
        await world.create([*new_rows(2), BrokenRow()], request)  # type: ignore[list-item]
    assert (await world.create(2, request)).batch.counts.total == 2


async def test_without_a_request_id_each_call_makes_a_batch(world: World) -> None:
    assert await world.batch(1) != await world.batch(1)


# --- duplicates


async def test_keep_keeps_all(world: World) -> None:
    made = await world.create([new_row(1), new_row(1), new_row(1)], duplicates=KEEP)
    assert (made.batch.counts.total, made.skipped) == (3, ())
    added = await world.add(made.batch.batch_id, [new_row(1)])
    assert (added.batch.counts.total, added.skipped) == (4, ())


async def test_skip_leaves_out_later_ones_and_names_the_kept(world: World) -> None:
    rows = [new_row(1), new_row(2), new_row(1), new_row(3), new_row(2)]
    made = await world.create(rows, duplicates=SKIP)
    assert made.batch.counts == BatchCounts(total=3, waiting=3, undispatched=3)
    assert made.skipped == (
        Duplicate(2, number(1), 0, 0),
        Duplicate(4, number(2), 1, 1),
    )
    added = await world.add(made.batch.batch_id, [new_row(3), new_row(4), new_row(4), new_row(1)])
    assert added.skipped == (
        Duplicate(0, number(3), 2),
        Duplicate(2, number(4), 3, 1),
        Duplicate(3, number(1), 0),
    )
    stored = await world.rows(made.batch.batch_id)
    assert [row.address for row in stored] == [number(n) for n in (1, 2, 3, 4)]


async def test_reject_names_every_later_one_and_stores_nothing(world: World) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.create([new_row(1), new_row(1), new_row(2), new_row(1)], duplicates=REJECT)
    assert refusal.value.reason is Reason.DUPLICATE_ADDRESS
    assert [v.field for v in refusal.value.violations] == [
        "scheduled_calls[1].address",
        "scheduled_calls[3].address",
    ]
    batch_id = await world.batch([new_row(1)], duplicates=REJECT)
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.add(batch_id, [new_row(2), new_row(1)])
    assert [v.field for v in refusal.value.violations] == ["scheduled_calls[1].address"]
    assert (await world.get(batch_id)).counts.total == 1


async def test_duplicates_are_told_by_the_normal_form(world: World) -> None:
    one = new_row(1, address="sip:Ada@Example.net", normalized_address="sip:Ada@example.net")
    two = new_row(1, address="SIP:Ada@example.net", normalized_address="sip:Ada@example.net")
    made = await world.create([one, two], duplicates=SKIP)
    assert len(made.skipped) == 1
    assert len((await world.add(made.batch.batch_id, [two])).skipped) == 1


async def test_an_append_of_nothing_but_duplicates_adds_nothing(world: World) -> None:
    made = await world.create([new_row(1)], duplicates=SKIP)
    before = await world.get(made.batch.batch_id)
    added = await world.add(made.batch.batch_id, [new_row(1), new_row(1)])
    assert len(added.skipped) == 2
    assert added.batch == before


# --- appending


async def test_an_append_goes_behind_the_last_position_and_is_told(world: World) -> None:
    batch_id = await world.batch(2)
    world.advance(seconds=1)
    added = await world.add(batch_id, 1_200)
    assert added.batch.counts == BatchCounts(total=1_202, waiting=1_202, undispatched=1_202)
    assert added.batch.updated_at == world.clock.now()
    rows = await world.rows(batch_id)
    assert [row.position for row in rows] == list(range(1_202))
    assert rows[2].due_at == world.clock.now()
    newest = (await world.events(batch_id))[-1]
    assert newest.type is EventType.SCHEDULED_CALLS_ADDED
    assert newest.after == BatchAfter(int(BatchState.RUNNING), "", "", 1_202)
    await check_invariants(world.store)


async def test_appends_at_once_all_go_in(world: World) -> None:
    batch_id = await world.batch(1)
    each = SLICE_ROWS + 20
    added = await asyncio.gather(
        *(world.add(batch_id, each, first=1_000 * (n + 1)) for n in range(4))
    )
    assert max(stored.batch.counts.total for stored in added) == 1 + 4 * each
    rows = await world.rows(batch_id)
    wanted = chain([0], *(range(1_000 * n, 1_000 * n + each) for n in range(1, 5)))
    assert sorted(row.address for row in rows) == sorted(number(n) for n in wanted)
    await check_invariants(world.store)


async def test_the_same_append_at_once_goes_in_once(world: World) -> None:
    batch_id = await world.batch(1)
    request = world.request("r-1", b"a", "Add")
    added = await asyncio.gather(*(world.add(batch_id, 600, request) for _ in range(4)))
    assert {stored.batch.counts.total for stored in added} == {601}
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(601,)]


async def test_the_same_append_again_answers_the_same(world: World) -> None:
    batch_id = await world.batch([new_row(1)], duplicates=SKIP)
    request = world.request("r-1", b"a", "Add")
    first = await world.add(batch_id, [new_row(1), new_row(2)], request)
    assert await world.add(batch_id, [new_row(1), new_row(2)], request) == first
    with pytest.raises(AlreadyExistsError) as refusal:
        await world.add(batch_id, [new_row(9)], world.request("r-1", b"b", "Add"))
    assert refusal.value.reason is Reason.REQUEST_ID_REUSED


async def test_a_repeated_append_is_answered_even_when_the_batch_is_over(world: World) -> None:
    batch_id = await world.batch(1)
    request = world.request("r-1", b"a", "Add")
    await world.add(batch_id, 1, request)
    await world.change(batch_id, rules.cancel)
    assert (await world.add(batch_id, 1, request)).batch.counts.total == 2


async def test_an_ended_batch_takes_no_more_rows(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.live()
    await world.apply(ended(call))
    with pytest.raises(PreconditionError) as refusal:
        await world.add(batch_id, 1)
    assert refusal.value.reason is Reason.BATCH_STATE


async def test_a_cancelled_batch_takes_no_more_rows(world: World) -> None:
    batch_id = await world.batch(1)
    await world.change(batch_id, rules.cancel)
    with pytest.raises(PreconditionError):
        await world.add(batch_id, 1)


async def test_a_batch_whose_window_has_closed_takes_no_more_rows(world: World) -> None:
    batch_id = await world.batch(1, window_end=world.later(seconds=10))
    world.advance(seconds=10)
    with pytest.raises(PreconditionError):
        await world.add(batch_id, 1)


async def test_a_batch_that_ends_while_rows_are_staged_gets_none_of_them(world: World) -> None:
    batch_id = await world.batch(1)
    adding = asyncio.ensure_future(world.add(batch_id, SLICE_ROWS * 6))
    while not await world.sql("SELECT 1 FROM scheduled_calls WHERE position > 1 LIMIT 1"):
        assert not adding.done()
    await world.change(batch_id, rules.cancel)
    with pytest.raises(PreconditionError):
        await adding
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(1,)]
    await world.settle_all()
    await check_invariants(world.store)


async def test_a_paused_batch_and_a_scheduled_one_take_rows(world: World) -> None:
    paused = await world.batch(1)
    await world.change(paused, rules.pause)
    assert (await world.add(paused, 1)).batch.counts.total == 2
    scheduled = await world.batch(1, window_start=world.later(hours=1))
    assert (await world.add(scheduled, 1)).batch.counts.total == 2


@pytest.mark.parametrize("batch_id", [NO_ID, "no uuid"])
async def test_a_batch_that_is_not_there_takes_no_rows(world: World, batch_id: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await world.add(BatchId(batch_id), 1)
    assert refusal.value.reason is Reason.BATCH_NOT_FOUND
