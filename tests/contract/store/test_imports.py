"""Imports: their findings are kept, and whatever breaks off leaves nothing."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import BatchId, ImportId
from outdial_server.domain.imports import Finding, FindingKind, Import, ImportCounts, ImportState
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.ports.intake import Outcome, StoredRows
from outdial_server.storage.store import Store, store_over
from support.invariants import check_invariants
from support.stores import NO_ID, World, all_pages, bring_in, name_in, new_row, new_rows, number

KEEP, SKIP, REJECT = DuplicatePolicy.KEEP, DuplicatePolicy.SKIP, DuplicatePolicy.REJECT
COUNTS = ImportCounts(rows=5, added=3, refused=2)


def findings(count: int, first: int = 1) -> list[Finding]:
    return [
        Finding(n, FindingKind.FAULT, "address", "is wrong") for n in range(first, first + count)
    ]


def new_id(world: World) -> ImportId:
    return ImportId(world.ids.new_id())


async def everything(world: World) -> list[int]:
    """How much there is of all that an import writes, hidden or not."""
    tables = ("batches", "scheduled_calls", "imports", "import_findings", "requests")
    return [(await world.sql(f"SELECT COUNT(*) FROM {table}"))[0][0] for table in tables]


async def add(
    world: World,
    batch_id: BatchId,
    rows: Sequence[NewScheduledCall],
    found: Sequence[Finding] = (),
    store: Store | None = None,
) -> StoredRows:
    intake = (store or world.store).intake
    async with intake.append(world.account_id, batch_id, None, new_id(world)) as staging:
        await staging.stage(rows, found)
        return await staging.reveal(Outcome(counts=COUNTS), None)


async def read(world: World, import_id: ImportId) -> tuple[Import, list[Finding], int]:
    shown = world.store.imports
    found, pages = await all_pages(
        lambda page: shown.list_findings(world.account_id, import_id, page), size=2
    )
    return await shown.get_import(world.account_id, import_id), found, pages


# --- what came in


async def test_an_import_is_shown_with_its_batch_and_its_findings(world: World) -> None:
    import_id, new, kept = new_id(world), world.new_batch(), findings(5)
    async with world.store.intake.new_batch(new, None, import_id) as staging:
        await staging.stage(new_rows(2), kept[:2])
        await staging.stage((), kept[2:4])
        await staging.stage(new_rows(1, 10), kept[4:])
        with pytest.raises(NotFoundError):
            await world.store.imports.get_import(world.account_id, import_id)
        stored = await staging.reveal(Outcome(counts=COUNTS), None)
    shown, found, pages = await read(world, import_id)
    assert stored.imported == shown
    assert shown == Import(import_id, new.batch_id, ImportState.ADDED, COUNTS, world.clock.now())
    assert (found, pages) == (kept, 3)
    assert len(await world.rows(new.batch_id)) == 3
    await check_invariants(world.store)


async def test_a_finding_is_read_as_it_was_kept(world: World) -> None:
    batch_id = await world.batch(1)
    kept = [
        Finding(2**62, FindingKind.DUPLICATE_KEPT, "address", "ß", 2**61),
        Finding(0, FindingKind.FAULT, "", "cannot be read"),
    ]
    stored = await add(world, batch_id, [new_row(7)], kept)
    assert stored.imported is not None
    assert (await read(world, stored.imported.import_id))[1] == kept


@pytest.mark.parametrize("to_new_batch", [True, False])
async def test_a_refused_import_leaves_its_findings_and_nothing_else(
    world: World, to_new_batch: bool
) -> None:
    batch_id = await world.batch(1)
    import_id, intake = new_id(world), world.store.intake
    opened = (
        intake.new_batch(world.new_batch(), None, import_id)
        if to_new_batch
        else intake.append(world.account_id, batch_id, None, import_id)
    )
    async with opened as staging:
        await staging.stage(new_rows(SLICE_ROWS * 2, 10), findings(3))
        await staging.refuse(ImportCounts(rows=1_003, refused=3))
    shown, found, _ = await read(world, import_id)
    assert shown.state is ImportState.REFUSED
    assert shown.batch_id == (None if to_new_batch else batch_id)
    assert found == findings(3)
    assert await everything(world) == [1, 1, 1, 3, 0]
    assert (await world.get(batch_id)).counts.total == 1


async def test_an_import_of_nothing_but_skipped_rows_changes_nothing_in_the_batch(
    world: World,
) -> None:
    batch_id = await world.batch(1)
    before = await world.get(batch_id)
    stored = await add(world, batch_id, (), findings(1))
    assert stored.batch == before
    assert stored.imported is not None
    assert stored.imported.state is ImportState.ADDED


@pytest.mark.parametrize("import_id", [NO_ID, "no uuid", ""])
async def test_an_id_of_no_import_is_not_found(world: World, import_id: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await read(world, ImportId(import_id))
    assert refusal.value.reason is Reason.IMPORT_NOT_FOUND


async def test_an_import_of_another_account_is_not_found(world: World) -> None:
    stored = await add(world, await world.batch(1), [new_row(7)])
    assert stored.imported is not None
    stranger = await world.new_account()
    with pytest.raises(NotFoundError):
        await world.store.imports.get_import(stranger, stored.imported.import_id)


# --- what broke off


class Interrupted(BaseException):
    """Not an Exception: like a cancellation."""


@pytest.mark.parametrize("to_new_batch", [True, False])
async def test_a_broken_import_leaves_nothing(world: World, to_new_batch: bool) -> None:
    batch_id = await world.batch(2)
    intake = world.store.intake

    async def break_off() -> None:
        opened = (
            intake.new_batch(world.new_batch(), None, new_id(world))
            if to_new_batch
            else intake.append(world.account_id, batch_id, None, new_id(world))
        )
        async with opened as staging:
            await staging.stage(new_rows(SLICE_ROWS, 10), findings(SLICE_ROWS))
            await staging.stage(new_rows(SLICE_ROWS, 2_000), findings(SLICE_ROWS))
            raise Interrupted

    with pytest.raises(Interrupted):
        await break_off()
    assert await everything(world) == [1, 2, 0, 0, 0]
    assert (await world.add(batch_id, 3)).batch.counts.total == 5


async def test_what_a_crash_left_of_an_import_is_hidden_and_swept(world: World) -> None:
    batch_id = await world.batch(2)
    import_id = new_id(world)
    # Never left: as when the process ends.
    opened = world.store.intake.append(world.account_id, batch_id, None, import_id)
    staging = await opened.__aenter__()
    await staging.stage(new_rows(SLICE_ROWS + 1, 10), findings(SLICE_ROWS + 7))
    assert len(await world.rows(batch_id)) == 2
    with pytest.raises(NotFoundError):
        await read(world, import_id)
    assert await world.store.dispatch.sweep_staging() == 2 * SLICE_ROWS + 8
    assert await everything(world) == [1, 2, 0, 0, 0]
    assert await world.store.dispatch.sweep_staging() == 0


async def test_a_list_that_was_swept_away_is_not_revealed(world: World) -> None:
    async def sweep_between(staged_by_append: bool) -> None:
        batch_id = await world.batch(1)
        intake = world.store.intake
        opened = (
            intake.append(world.account_id, batch_id, None, new_id(world))
            if staged_by_append
            else intake.new_batch(world.new_batch(), None, new_id(world))
        )
        async with opened as staging:
            await staging.stage(new_rows(3, 10))
            await world.store.dispatch.sweep_staging()
            await staging.reveal(Outcome(counts=COUNTS), None)

    for staged_by_append in (True, False):
        with pytest.raises((ConflictError, NotFoundError)):
            await sweep_between(staged_by_append)
    assert (await everything(world))[1:4] == [2, 0, 0]


# --- two at once


async def test_lists_for_one_batch_take_turns(world: World) -> None:
    batch_id = await world.batch(1)
    await asyncio.gather(
        *(add(world, batch_id, new_rows(20, 100 * n), findings(2)) for n in range(1, 5))
    )
    assert (await world.get(batch_id)).counts.total == 81
    await check_invariants(world.store)


@pytest.mark.postgres
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
class TestBesideAnotherServer:
    """The second store knows nothing of the first one's turns."""

    async def test_the_later_list_is_refused_and_the_first_goes_in(self, world: World) -> None:
        batch_id = await world.batch(1)
        other = store_over(world.store.database)
        intake = world.store.intake
        async with intake.append(world.account_id, batch_id, None) as staging:
            await staging.stage(new_rows(3, 10))
            with pytest.raises(ConflictError) as refusal:
                await add(world, batch_id, new_rows(2, 50), store=other)
            await staging.reveal(Outcome(), None)
        assert refusal.value.reason is Reason.BATCH_CHANGED
        assert [row.address for row in await world.rows(batch_id)] == [
            number(n) for n in (0, 10, 11, 12)
        ]
        assert (await everything(world))[2] == 0

    async def test_of_two_that_begin_together_one_goes_in(self, world: World) -> None:
        batch_id = await world.batch(1)
        other = store_over(world.store.database).intake
        async with world.store.intake.append(world.account_id, batch_id, None) as first:

            async def come_second() -> None:
                async with other.append(world.account_id, batch_id, None) as second:
                    await first.stage(new_rows(3, 10))
                    await second.stage(new_rows(2, 50))

            with pytest.raises(ConflictError) as refusal:
                await come_second()
            await first.reveal(Outcome(), None)
        assert refusal.value.reason is Reason.BATCH_CHANGED
        assert len(await world.rows(batch_id)) == 4

    async def test_a_list_that_stands_still_is_overtaken_and_cannot_mix_with_the_other(
        self, world: World
    ) -> None:
        batch_id = await world.batch(1)
        other = store_over(world.store.database)

        async def stand_still() -> None:
            async with world.store.intake.append(world.account_id, batch_id, None) as staging:
                await staging.stage(new_rows(3, 10))
                world.clock.advance(timedelta(minutes=2))
                async with other.intake.append(world.account_id, batch_id, None) as second:
                    await second.stage(new_rows(2, 50))
                    await staging.stage(new_rows(3, 20))
                    await second.reveal(Outcome(), None)
                await staging.reveal(Outcome(), None)

        with pytest.raises(ConflictError):
            await stand_still()
        assert [row.address for row in await world.rows(batch_id)] == [
            number(n) for n in (0, 50, 51)
        ]


# --- repetition


async def test_the_same_import_again_is_answered_and_adds_nothing(world: World) -> None:
    request = world.request("r-1", b"c", "Import")
    name, intake = name_in(request), world.store.intake
    async with intake.new_batch(world.new_batch(), name, new_id(world)) as staging:
        await staging.stage(new_rows(2), findings(2))
        first = await staging.reveal(Outcome(counts=COUNTS), request)
    async with intake.new_batch(world.new_batch(), name, new_id(world)) as staging:
        assert staging.is_repeated
        assert await staging.earlier(request) == first
        with pytest.raises(AlreadyExistsError):
            await staging.earlier(world.request("r-1", b"other", "Import"))
    assert await everything(world) == [1, 2, 1, 2, 1]


async def test_a_twin_that_was_faster_is_answered_for_both(world: World) -> None:
    request = world.request("r-1", b"c", "Import")
    name, intake = name_in(request), world.store.intake
    async with (
        intake.new_batch(world.new_batch(), name, new_id(world)) as one,
        intake.new_batch(world.new_batch(), name, new_id(world)) as two,
    ):
        for staging in (one, two):
            await staging.stage(new_rows(2), findings(2))
        first = await one.reveal(Outcome(counts=COUNTS), request)
        assert await two.reveal(Outcome(counts=COUNTS), request) == first
    assert await everything(world) == [1, 2, 1, 2, 1]


async def test_a_batch_that_is_over_takes_no_import(world: World) -> None:
    batch_id = await world.batch(1)
    await world.change(batch_id, rules.cancel)
    with pytest.raises(PreconditionError) as refusal:
        await add(world, batch_id, [new_row(7)])
    assert refusal.value.reason is Reason.BATCH_STATE
    assert (await everything(world))[2] == 0


# --- duplicates


@pytest.mark.parametrize("policy", [KEEP, SKIP])
@pytest.mark.parametrize("count", [5, 2_600])
async def test_duplicates_are_found_in_short_lists_and_in_long_ones(
    world: World, policy: DuplicatePolicy, count: int
) -> None:
    """A long list is told all addresses of the batch, a short one asks for its own."""
    sip = new_row(0, address="sip:Ada@B", normalized_address="sip:Ada@b")
    batch_id = await world.batch([*new_rows(2_500), sip], duplicates=policy)
    async with world.store.intake.append(world.account_id, batch_id, None) as staging:
        stored = await bring_in(staging, [*new_rows(count, 2_498), sip])
    added = count + 1 if policy is KEEP else count - 2
    assert stored.duplicate_count == 3
    assert stored.batch.counts.total == 2_501 + added
    skipped = [(row.number, row.kept_position, row.first_number) for row in stored.skipped]
    assert skipped == (
        [] if policy is KEEP else [(0, 2_498, None), (1, 2_499, None), (count, 2_500, None)]
    )
