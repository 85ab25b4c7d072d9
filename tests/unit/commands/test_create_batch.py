"""Creating a batch: its carrier, its rows, and all faults in one answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.json_schema import JsonSchemas
from outdial_server.commands.add_scheduled_calls import AddScheduledCalls
from outdial_server.commands.contact_rows import CopyContacts
from outdial_server.commands.create_batch import CreateBatch
from outdial_server.commands.new_batch import BatchPlanner, BatchSpec, choose_carrier
from outdial_server.commands.rows import ROWS_LOOKED_AT, SLICE_ROWS, RawRows
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.errors import InvalidFieldsError, PreconditionError, Reason
from outdial_server.domain.limits import FIELD_VIOLATIONS_MAX
from outdial_server.domain.row_checks import RawRow
from outdial_server.ports.intake import StoredRows
from outdial_server.ports.signals import Topic
from support.batches import MemoryIntake
from support.clock import ManualClock, ManualSignals
from support.domain import ACCOUNT, AGENT, BATCH
from support.sealing import batch_webhooks

# Nobody names contacts here.
NO_STORES = CopyContacts(cast(Any, None), cast(Any, None))
GOOD, BAD = RawRow("+1 555 123 0001"), RawRow("5551230001")
SPEC = BatchSpec(ACCOUNT, AGENT, "", DuplicatePolicy.KEEP, BatchSettings("Reminders"), draft=False)


async def slices(rows: Sequence[RawRow]) -> RawRows:
    numbered = list(enumerate(rows))
    for start in range(0, len(rows), SLICE_ROWS):
        yield numbered[start : start + SLICE_ROWS]


class Creating:
    def __init__(self) -> None:
        clock = ManualClock()
        self.signals = ManualSignals(clock)
        self.intake = MemoryIntake()
        planner = BatchPlanner(UuidV7Ids(clock), clock, ("simulated", "twilio"), batch_webhooks())
        copies = NO_STORES
        self.create = CreateBatch(self.intake, planner, self.signals, JsonSchemas(), copies)
        self.add = AddScheduledCalls(self.intake, self.signals, JsonSchemas(), copies)

    async def execute(self, rows: Sequence[RawRow], spec: BatchSpec = SPEC) -> StoredRows:
        return await self.create.execute(spec, slices(rows), None)


# --- carriers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "chosen"), [("", "simulated"), ("simulated", "simulated"), ("twilio", "twilio")]
)
def test_the_first_carrier_is_the_default(asked: str, chosen: str) -> None:
    assert choose_carrier(asked, ("simulated", "twilio")) == chosen


def test_a_carrier_config_decides_where_no_carrier_is_asked_for() -> None:
    carriers = ("simulated", "twilio")
    assert choose_carrier("", carriers, config="main") == ""
    assert choose_carrier("twilio", carriers, config="main") == "twilio"
    with pytest.raises(PreconditionError):
        choose_carrier("acme", carriers, config="main")


def test_a_carrier_that_needs_a_config_is_nobody_s_default() -> None:
    terms = CarrierTerms(need_config=frozenset({"twilio"}))
    assert choose_carrier("", ("twilio", "simulated"), terms) == "simulated"
    assert choose_carrier("twilio", ("twilio",), terms, config="main") == "twilio"
    # Their numbers may have one, and decide.
    assert choose_carrier("twilio", ("twilio",), terms) == "twilio"
    assert choose_carrier("", ("twilio",), terms) == ""


def test_a_carrier_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(PreconditionError, match="'acme'; there is simulated, twilio") as refused:
        choose_carrier("acme", ("simulated", "twilio"))
    assert refused.value.reason is Reason.CARRIER_NOT_CONFIGURED
    assert refused.value.metadata == {"carrier": "acme"}


def test_a_server_without_carriers_says_how_to_get_one() -> None:
    with pytest.raises(PreconditionError, match="--simulate"):
        CarrierTerms().refuse("", has_credentials=False, join_url="")


# --- the start ----------------------------------------------------------------


def test_a_batch_may_begin_as_far_ahead_as_the_server_says() -> None:
    clock, ahead = ManualClock(), timedelta(days=30)
    planner = BatchPlanner(UuidV7Ids(clock), clock, ("simulated",), batch_webhooks(), ahead)

    def beginning(at: datetime) -> BatchSpec:
        return replace(SPEC, settings=replace(SPEC.settings, window_start=at))

    assert planner.plan(beginning(clock.now() + ahead)).settings.window_start
    with pytest.raises(InvalidFieldsError, match=r"batch\.window_start: .* 30 days ahead"):
        planner.plan(beginning(clock.now() + ahead + timedelta(seconds=1)))


# --- rows ----------------------------------------------------------------------


async def test_rows_come_out_in_normal_form_and_order() -> None:
    creating = Creating()
    await creating.execute([RawRow(f"+1 555 123 {n:04}") for n in range(1200)])
    assert [row.address for row in creating.intake.latest.rows] == [
        f"+1555123{n:04}" for n in range(1200)
    ]


async def test_each_fault_is_named_by_the_index_of_its_row() -> None:
    creating = Creating()
    with pytest.raises(InvalidFieldsError) as refused:
        await creating.execute([GOOD, BAD, GOOD, replace(GOOD, time_zone="Mars/Olympus")])
    assert [violation.field for violation in refused.value.violations] == [
        "scheduled_calls[1].address",
        "scheduled_calls[3].time_zone",
    ]
    assert refused.value.message.endswith("(and 1 more)")
    assert creating.intake.latest.outcome is None


async def test_faults_of_the_batch_hide_none_of_its_rows() -> None:
    creating = Creating()
    nameless = replace(SPEC, settings=BatchSettings(""))
    with pytest.raises(InvalidFieldsError) as refused:
        await creating.execute([GOOD, BAD], nameless)
    assert [violation.field for violation in refused.value.violations] == [
        "batch.display_name",
        "scheduled_calls[1].address",
    ]


@pytest.mark.parametrize(("row", "read_most"), [(BAD, 1), (GOOD, ROWS_LOOKED_AT // SLICE_ROWS)])
async def test_of_a_batch_that_is_refused_only_so_many_rows_are_read(
    row: RawRow, read_most: int
) -> None:
    read = 0

    async def endless() -> RawRows:
        nonlocal read
        while True:
            read += 1
            yield [(number, row) for number in range(SLICE_ROWS)]

    nameless = replace(SPEC, settings=BatchSettings(""))
    with pytest.raises(InvalidFieldsError) as refused:
        await Creating().create.execute(nameless, endless(), None)
    assert refused.value.violations[0].field == "batch.display_name"
    assert len(refused.value.violations) <= FIELD_VIOLATIONS_MAX
    assert read == read_most


async def test_after_a_fault_rows_are_only_checked() -> None:
    creating = Creating()
    rows = [GOOD] * SLICE_ROWS + [BAD] + [GOOD] * SLICE_ROWS + [BAD]
    with pytest.raises(InvalidFieldsError) as refused:
        await creating.execute(rows)
    assert len(refused.value.violations) == 2
    assert len(creating.intake.latest.rows) == SLICE_ROWS


async def test_a_list_of_faults_is_cut_and_the_rest_of_the_rows_not_read() -> None:
    read = 0

    async def endless() -> RawRows:
        nonlocal read
        while True:
            read += 1
            yield [(read, BAD)]

    with pytest.raises(InvalidFieldsError) as refused:
        await Creating().create.execute(SPEC, endless(), None)
    assert len(refused.value.violations) == FIELD_VIOLATIONS_MAX
    assert read == FIELD_VIOLATIONS_MAX


async def test_a_long_list_lets_others_run_in_between() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    await Creating().execute([GOOD] * 5000)
    other.cancel()
    assert turns >= 10


# --- batches -------------------------------------------------------------------


async def test_a_batch_is_stored_with_its_rows_and_wakes_the_engine() -> None:
    creating = Creating()
    settings = replace(SPEC.settings, caller_id="+1 (555) 000-0001")
    stored = await creating.execute([GOOD, GOOD], replace(SPEC, settings=settings))
    new = creating.intake.new
    assert new is not None
    assert new.carrier == "simulated"
    assert new.settings.caller_id == "+15550000001"
    assert len(creating.intake.latest.rows) == 2
    assert stored.duplicate_count == 1
    await creating.signals.wait(Topic.CLAIM, None)
    await creating.signals.wait(Topic.WINDOW, None)


async def test_faults_of_the_batch_come_in_one_answer() -> None:
    settings = BatchSettings("", caller_id="nobody")
    with pytest.raises(InvalidFieldsError) as refused:
        await Creating().execute([GOOD], replace(SPEC, agent_id="", settings=settings))
    assert [violation.field for violation in refused.value.violations] == [
        "batch.agent_id",
        "batch.display_name",
        "batch.caller_id",
    ]


async def test_only_a_draft_may_be_empty() -> None:
    with pytest.raises(PreconditionError) as refused:
        await Creating().execute([])
    assert refused.value.reason is Reason.BATCH_EMPTY
    await Creating().execute([], replace(SPEC, draft=True))


async def test_adding_takes_at_least_one_row_and_only_good_ones() -> None:
    creating = Creating()
    for rows, field in (([], "scheduled_calls"), ([GOOD, BAD], "scheduled_calls[1].address")):
        with pytest.raises(InvalidFieldsError) as refused:
            await creating.add.execute(ACCOUNT, BATCH, slices(rows), None)
        assert refused.value.violations[0].field == field
        assert creating.intake.latest.outcome is None
    await creating.add.execute(ACCOUNT, BATCH, slices([GOOD]), None)
    await creating.signals.wait(Topic.CLAIM, None)
