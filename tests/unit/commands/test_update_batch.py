"""Starting, resuming and editing a batch."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.commands.start_batch import StartBatch
from outdial_server.commands.update_batch import UpdateBatch
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.errors import ConflictError, InvalidFieldsError
from outdial_server.domain.etag import etag_of
from outdial_server.ports.signals import Topic
from support.batches import MemoryBatches
from support.clock import START, ManualClock, ManualSignals
from support.domain import ACCOUNT, BATCH, a_batch
from support.sealing import batch_webhooks


class Editing:
    def __init__(self, batch: Batch) -> None:
        clock = ManualClock()
        self.signals = ManualSignals(clock)
        self.batches = MemoryBatches(clock, self.signals, batch)

    async def update(
        self, change: Callable[[BatchSettings], BatchSettings], etag: str = ""
    ) -> Batch:
        return await UpdateBatch(self.batches, self.signals, batch_webhooks()).execute(
            ACCOUNT, BATCH, change, etag
        )


def renamed(settings: BatchSettings) -> BatchSettings:
    return replace(settings, display_name="Other")


@pytest.mark.parametrize("state", [BatchState.DRAFT, BatchState.PAUSED])
async def test_starting_and_resuming_let_the_engine_loose(state: BatchState) -> None:
    editing = Editing(a_batch(state, waiting=1))
    command = StartBatch(editing.batches, editing.signals)
    go = command.execute if state is BatchState.DRAFT else command.resume
    assert (await go(ACCOUNT, BATCH)).state is BatchState.RUNNING
    await editing.signals.wait(Topic.CLAIM, None)


async def test_an_edit_under_the_present_etag_is_taken_and_gives_the_next() -> None:
    editing = Editing(a_batch(waiting=1))
    edited = await editing.update(renamed, etag_of(1))
    assert (edited.settings.display_name, edited.revision) == ("Other", 2)
    with pytest.raises(ConflictError):
        await editing.update(renamed, etag_of(1))


async def test_an_edit_is_checked_as_a_whole_and_changes_nothing_when_it_is_wrong() -> None:
    editing = Editing(a_batch(waiting=1))
    with pytest.raises(InvalidFieldsError, match=r"batch\.weight"):
        await editing.update(lambda settings: replace(settings, weight=0))
    assert (await editing.batches.get_batch(ACCOUNT, BATCH)).revision == 1


async def test_a_window_end_that_has_passed_meanwhile_does_not_forbid_a_new_name() -> None:
    editing = Editing(a_batch(waiting=1, window_end=START - timedelta(hours=1)))
    assert (await editing.update(renamed)).settings.display_name == "Other"


async def test_a_caller_id_is_stored_in_normal_form() -> None:
    editing = Editing(a_batch(waiting=1))
    edited = await editing.update(lambda s: replace(s, caller_id="+1 (555) 000-0001"))
    assert edited.settings.caller_id == "+15550000001"


async def test_a_start_that_is_too_far_ahead_is_refused_where_the_server_bounds_it() -> None:
    ahead = timedelta(days=30)
    far = START + ahead + timedelta(seconds=1)
    editing = Editing(a_batch(waiting=1, window_start=far))
    update = UpdateBatch(editing.batches, editing.signals, batch_webhooks(), ahead)
    # One that was there before may stay.
    assert (await update.execute(ACCOUNT, BATCH, renamed)).settings.window_start == far
    with pytest.raises(InvalidFieldsError, match=r"batch\.window_start: .* 30 days ahead"):
        await update.execute(
            ACCOUNT, BATCH, lambda s: replace(s, window_start=far + timedelta(days=1))
        )
    last = START + ahead
    changed = await update.execute(ACCOUNT, BATCH, lambda s: replace(s, window_start=last))
    assert changed.settings.window_start == last


async def test_validating_an_edit_changes_nothing() -> None:
    editing = Editing(a_batch(waiting=1))
    update = UpdateBatch(editing.batches, editing.signals, batch_webhooks())
    told = await update.execute(ACCOUNT, BATCH, renamed, validate_only=True)
    assert told.settings.display_name == "Other"
    assert (await editing.batches.get_batch(ACCOUNT, BATCH)).settings.display_name == "Reminders"
