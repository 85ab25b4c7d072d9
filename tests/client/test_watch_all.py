"""A watch of many batches goes on by itself, and the command shows it."""

import asyncio
import io
import json
from datetime import timedelta

import pytest
from grpc import StatusCode
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import WatchBatchesResponse
from rich.console import Console

from client.command_line import Outdial
from client.far_end import FarEnd, Refusal
from client.people import BATCH, BATCH_ID
from outdial_client import (
    Client,
    InternalError,
    InvalidArgumentError,
    UnavailableError,
    WatchInterruption,
    WatchTiming,
    sync,
)
from outdial_client.cli._board import ENDED_SHOWN_MAX, LiveBoard
from outdial_client.cli._screen import Screen

DRAINING = Refusal(reason="SERVER_DRAINING", retry_after=timedelta(seconds=1))
DENIED = Refusal(code=StatusCode.PERMISSION_DENIED, reason="SCOPE_MISSING")


async def no_wait(seconds: float) -> None:
    """Waits between tries pass at once; no stream is taken as silent."""
    if seconds == WatchTiming().silence_limit.total_seconds():
        await asyncio.Event().wait()


PATIENT = WatchTiming(faults_allowed=2, sleep=no_wait, jitter=lambda: 1.0)


def told(*names: str, token: str = "", **fields: object) -> WatchBatchesResponse:
    batches = [Batch(batch_id=name) for name in names]
    return WatchBatchesResponse(batches=batches, resume_token=token, **fields)  # type: ignore[arg-type]


COMPLETE = told(token="t1", snapshot_complete=True)
BEAT = told(token="t9", heartbeat=True)


def names(messages: list[WatchBatchesResponse]) -> list[str]:
    return [batch.batch_id for message in messages for batch in message.batches]


async def test_it_goes_on_from_the_last_token_and_tells_nothing_twice(
    far_end: FarEnd, client: Client
) -> None:
    far_end.stream(
        "WatchBatches",
        [told("a", "b"), COMPLETE, told("a", token="t2"), DRAINING],
        [told("b", token="t3")],
    )
    broken: list[WatchInterruption] = []
    async with client.batches.watch_all(
        ["a", "b"], timing=PATIENT, on_interruption=broken.append
    ) as watch:
        messages = [message async for message in watch]
        assert watch.resume_token == "t3"
    assert names(messages) == ["a", "b", "a", "b"]
    first, second = far_end.requests("WatchBatches")
    assert (list(first.batch_ids), first.resume_token) == (["a", "b"], "")
    assert (list(second.batch_ids), second.resume_token) == (["a", "b"], "t2")
    assert [type(one.error) for one in broken] == [UnavailableError]


async def test_a_watch_of_all_batches_never_ends_by_itself(far_end: FarEnd, client: Client) -> None:
    far_end.stream("WatchBatches", [COMPLETE], [told("a", token="t2")], *[[]] * 3)
    watch = client.batches.watch_all(
        agent_id="g", min_interval=timedelta(seconds=1), timing=PATIENT
    )
    seen: list[WatchBatchesResponse] = []
    with pytest.raises(InternalError, match="ended by itself"):
        seen += [message async for message in watch]
    tokens = [request.resume_token for request in far_end.requests("WatchBatches")]
    # Nothing that came is forgotten; several streams in a row that bring nothing are a fault.
    assert tokens == ["", "t1", "t2", "t2", "t2"][: len(tokens)]
    assert len(tokens) > 3
    assert far_end.requests("WatchBatches")[0].agent_id == "g"


async def test_what_waiting_does_not_mend_is_raised(far_end: FarEnd, client: Client) -> None:
    far_end.stream(
        "WatchBatches",
        [Refusal(code=StatusCode.INVALID_ARGUMENT, reason="RESUME_TOKEN_INVALID")],
    )
    with pytest.raises(InvalidArgumentError):
        await anext(client.batches.watch_all(resume_token="wrong", timing=PATIENT))
    assert far_end.requests("WatchBatches")[0].resume_token == "wrong"


async def test_without_asyncio(far_end: FarEnd) -> None:
    far_end.stream("WatchBatches", [COMPLETE, DRAINING], [told("a", token="t2")])

    def read() -> list[str]:
        with (
            sync.Client(far_end.address) as client,
            client.batches.watch_all(["a"], timing=PATIENT) as watch,
        ):
            return names(list(watch))

    assert await asyncio.to_thread(read) == ["a"]


RUNNING = WatchBatchesResponse(batches=[BATCH], resume_token="t2")
GONE = WatchBatchesResponse(deleted_batch_ids=[BATCH_ID], resume_token="t3")


async def test_the_command_prints_a_line_for_each_change(far_end: FarEnd, outdial: Outdial) -> None:
    script = [COMPLETE, RUNNING, BEAT, GONE, DENIED]
    far_end.stream("WatchBatches", script, script, script)
    plain = await outdial("watch")
    assert [line.split("  ") for line in plain.stdout.splitlines()] == [
        [BATCH_ID, "Monday", "RUNNING", "0 of 3", "waiting 2", "dialing 1"],
        [BATCH_ID, "deleted"],
    ]
    assert plain.exit_code != 0
    objects = [json.loads(line) for line in (await outdial("watch", "--json")).stdout.splitlines()]
    assert objects[0]["display_name"] == "Monday"
    assert objects[1] == {"deleted_batch_id": BATCH_ID}
    assert (await outdial("watch", "--quiet")).stdout.splitlines() == [BATCH_ID]


async def test_one_batch_and_an_agent_are_not_asked_for_together(outdial: Outdial) -> None:
    result = await outdial("watch", BATCH_ID, "--agent", "Ada")
    assert result.exit_code == 2
    assert "--agent" in result.output


def drawn(view: LiveBoard, file: io.StringIO) -> str:
    file.seek(0)
    file.truncate()
    with view.showing():
        pass
    return file.getvalue()


def test_the_table_shows_the_newest_states_and_lets_go_of_old_ends() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=200)
    view = LiveBoard(Screen(console, console))
    view.update(WatchBatchesResponse(batches=[BATCH], snapshot_complete=True, truncated=True))
    ended = [Batch(batch_id=f"ended-{n}.") for n in range(ENDED_SHOWN_MAX + 1)]
    for seconds, batch in enumerate(ended, start=1000):
        batch.end_time.FromSeconds(seconds)
    view.update(WatchBatchesResponse(batches=ended, truncated=True))
    table = drawn(view, file)
    assert "Monday" in table
    assert "Only the newest are followed." in table
    assert [f"ended-{n}." in table for n in (0, 1, ENDED_SHOWN_MAX)] == [False, True, True]
    view.update(WatchBatchesResponse(deleted_batch_ids=[BATCH_ID, "unknown"]))
    assert "Monday" not in drawn(view, file)
