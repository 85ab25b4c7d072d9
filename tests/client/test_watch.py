"""A watch goes on by itself and hands out each event once, in order."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from grpc import StatusCode
from outdial.v1.batch_service_pb2 import WatchBatchRequest, WatchBatchResponse

from client.far_end import (
    FarEnd,
    Part,
    Refusal,
    Silence,
    heartbeat,
    snapshot,
    token,
    update,
)
from outdial_client import (
    BatchWatch,
    Client,
    EventGapError,
    EventsErasedError,
    InternalError,
    NotFoundError,
    WatchDelivery,
    WatchInterruption,
    WatchScope,
    WatchTiming,
)

SILENCE_LIMIT = timedelta(seconds=37.5)
EVERY_EVENT = WatchDelivery.WATCH_DELIVERY_EVERY_EVENT
ERASED = Refusal(
    code=StatusCode.OUT_OF_RANGE, reason="EVENTS_ERASED", metadata={"oldest_sequence": "90"}
)


class Patience:
    """Time for a watch: its waits are noted and pass at once, silence comes when told to."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.silence = asyncio.Event()
        self.listening = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == SILENCE_LIMIT.total_seconds():
            self.listening.set()
            await self.silence.wait()
            self.silence.clear()
        else:
            self.delays.append(seconds)

    def timing(self, *, faults_allowed: int = 3) -> WatchTiming:
        return WatchTiming(
            silence_limit=SILENCE_LIMIT,
            faults_allowed=faults_allowed,
            sleep=self.sleep,
            jitter=lambda: 1.0,
        )


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture
def watch(client: Client, patience: Patience) -> BatchWatch:
    return client.batches.watch("b-1", delivery=EVERY_EVENT, timing=patience.timing())


async def sequences(watch: BatchWatch) -> list[int]:
    return [event.sequence async for message in watch for event in message.events]


CUTS = [
    Refusal(message="connection reset"),
    Refusal(reason="SERVER_DRAINING", retry_after=timedelta(seconds=1)),
    Refusal(code=StatusCode.INTERNAL, message="RST_STREAM"),
    Refusal(code=StatusCode.CANCELLED),
    Refusal(code=StatusCode.UNKNOWN, message="Stream removed"),
    Refusal(code=StatusCode.DEADLINE_EXCEEDED),
]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.code.name + cut.reason)
async def test_a_stream_that_is_cut_is_taken_up_where_it_broke(
    far_end: FarEnd, watch: BatchWatch, cut: Refusal
) -> None:
    far_end.watch([snapshot(2), update(3), cut], [update(4, 5), update(6, ended=True)])
    assert await sequences(watch) == [3, 4, 5, 6]
    assert far_end.tokens() == ["", token(3)]


async def test_a_stream_that_ends_before_the_batch_is_taken_up_again(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    far_end.watch([snapshot(2), update(3)], [update(4, ended=True)])
    assert await sequences(watch) == [3, 4]


async def test_the_end_of_the_batch_is_the_end_of_the_watch(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    far_end.watch([snapshot(2), update(3, ended=True)])
    messages = [message async for message in watch]
    assert messages[-1].batch_ended
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    assert len(far_end.tokens()) == 1


async def test_a_server_that_restarts_on_its_port_is_found_again(
    far_end: FarEnd, client: Client, patience: Patience
) -> None:
    far_end.watch([snapshot(2), update(3), Silence()], [update(4, ended=True)])
    refused = asyncio.Event()

    def on_interruption(interruption: WatchInterruption) -> None:
        if interruption.failures == 3:
            refused.set()

    async def restart() -> None:
        await refused.wait()
        await far_end.start()

    watch = client.batches.watch(
        "b-1", delivery=EVERY_EVENT, timing=patience.timing(), on_interruption=on_interruption
    )
    await anext(watch)
    await anext(watch)
    restarting = asyncio.create_task(restart())
    await far_end.stop()
    assert await sequences(watch) == [4]
    await restarting
    assert far_end.tokens() == ["", token(3)]


async def test_a_silent_stream_is_taken_as_dead(
    far_end: FarEnd, watch: BatchWatch, patience: Patience
) -> None:
    far_end.watch([snapshot(2), Silence()], [update(3, ended=True)])
    await anext(watch)
    patience.silence.set()
    assert await sequences(watch) == [3]
    assert far_end.tokens() == ["", token(2)]


async def test_an_interrupted_snapshot_starts_again(far_end: FarEnd, watch: BatchWatch) -> None:
    page = WatchBatchResponse()
    far_end.watch([page, page, Refusal()], [page, snapshot(9), update(10, ended=True)])
    messages = [message async for message in watch]
    assert [message.snapshot_complete for message in messages] == [False, False, False, True, False]
    assert far_end.tokens() == ["", ""]


async def test_a_gap_makes_the_watch_ask_again_for_what_is_missing(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    far_end.watch([snapshot(2), update(3), update(5)], [update(4, 5), update(6, ended=True)])
    assert await sequences(watch) == [3, 4, 5, 6]
    assert far_end.tokens() == ["", token(3)]


async def test_a_gap_that_stays_is_an_error(far_end: FarEnd, watch: BatchWatch) -> None:
    far_end.watch([snapshot(2), update(4)], *[[heartbeat(2), update(4)]] * 3)
    with pytest.raises(EventGapError, match="after event 2"):
        await sequences(watch)
    assert len(far_end.tokens()) == 4


async def test_events_sent_twice_are_handed_out_once(far_end: FarEnd, watch: BatchWatch) -> None:
    far_end.watch(
        [snapshot(2), update(3, 4), update(4, 5), Refusal()],
        [update(3, 4, 5), update(5, 6), update(7, ended=True)],
    )
    assert await sequences(watch) == [3, 4, 5, 6, 7]


async def test_a_fault_that_stays_is_an_error(far_end: FarEnd, watch: BatchWatch) -> None:
    far_end.watch(*[[Refusal(code=StatusCode.INTERNAL, reason="INTERNAL")]] * 4)
    with pytest.raises(InternalError):
        await sequences(watch)
    assert len(far_end.tokens()) == 4


async def test_faults_are_forgiven_as_long_as_something_comes(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    fault = Refusal(code=StatusCode.INTERNAL)
    scripts = [[update(sequence), fault] for sequence in range(3, 20)]
    far_end.watch([snapshot(2), fault], *scripts, [update(20, ended=True)])
    assert await sequences(watch) == list(range(3, 21))


async def test_a_server_that_is_away_is_waited_for_without_end(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    far_end.watch(*[[Refusal()]] * 50, [snapshot(2), update(3, ended=True)])
    assert await sequences(watch) == [3]


async def test_erased_events_end_the_watch(far_end: FarEnd, watch: BatchWatch) -> None:
    far_end.watch([snapshot(2), Refusal()], [ERASED])
    with pytest.raises(EventsErasedError) as caught:
        await sequences(watch)
    assert caught.value.oldest_sequence == 90


async def test_a_snapshot_that_needs_erased_events_starts_again(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    far_end.watch([ERASED], [WatchBatchResponse(), ERASED], [snapshot(95), update(96, ended=True)])
    assert await sequences(watch) == [96]
    assert watch.resume_token == token(96)


async def test_snapshots_that_are_never_finished_are_given_up(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    far_end.watch(*[[ERASED]] * 4)
    with pytest.raises(EventsErasedError):
        await sequences(watch)


async def test_an_unknown_batch_ends_the_watch(far_end: FarEnd, watch: BatchWatch) -> None:
    far_end.watch([Refusal(code=StatusCode.NOT_FOUND, reason="BATCH_NOT_FOUND")])
    with pytest.raises(NotFoundError):
        await anext(watch)
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_the_waits_grow_up_to_a_bound_and_start_anew_after_progress(
    far_end: FarEnd, watch: BatchWatch, patience: Patience
) -> None:
    far_end.watch(
        *[[Refusal()]] * 8,
        [snapshot(2), Refusal()],
        [update(3), Refusal()],
        [update(4, ended=True)],
    )
    assert await sequences(watch) == [3, 4]
    assert patience.delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 0.2, 0.2]


async def test_the_server_can_ask_for_a_longer_wait(
    far_end: FarEnd, watch: BatchWatch, patience: Patience
) -> None:
    far_end.watch([snapshot(2), Refusal(retry_after=timedelta(seconds=5))], [update(3, ended=True)])
    assert await sequences(watch) == [3]
    assert patience.delays == [5.2]


async def test_the_token_is_of_the_last_message_handed_out(
    far_end: FarEnd, watch: BatchWatch
) -> None:
    far_end.watch([snapshot(2), update(3), update(4, ended=True)])
    seen = []
    async for message in watch:
        assert watch.resume_token == message.resume_token
        seen.append(watch.resume_token)
    assert seen == [token(2), token(3), token(4)]


async def test_a_watch_can_be_resumed_in_another_process_with_its_token(
    far_end: FarEnd, client: Client, patience: Patience
) -> None:
    far_end.watch([update(9), Refusal()], [update(10, ended=True)])
    watch = client.batches.watch(
        "b-1", resume_token=token(8), delivery=EVERY_EVENT, timing=patience.timing()
    )
    assert await sequences(watch) == [9, 10]
    assert far_end.tokens() == [token(8), token(9)]


async def test_a_read_that_is_given_up_loses_nothing(
    far_end: FarEnd, watch: BatchWatch, patience: Patience
) -> None:
    far_end.watch([snapshot(2), Silence()], [update(3), update(4, ended=True)])
    await anext(watch)
    patience.listening.clear()
    reading = asyncio.create_task(anext(watch))
    await patience.listening.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await sequences(watch) == [3, 4]


async def test_a_watch_that_is_left_early_ends_its_stream(far_end: FarEnd, client: Client) -> None:
    left = asyncio.Event()

    async def endless(request: WatchBatchRequest) -> AsyncIterator[Part]:
        try:
            yield snapshot(2)
            await asyncio.Event().wait()
        finally:
            left.set()

    far_end.watch(endless)
    async with client.batches.watch("b-1") as watch:
        await anext(watch)
    await left.wait()


async def test_interruptions_are_told(far_end: FarEnd, client: Client, patience: Patience) -> None:
    far_end.watch([snapshot(2), Refusal(reason="SERVER_DRAINING")], [update(3, ended=True)])
    told: list[WatchInterruption] = []
    watch = client.batches.watch("b-1", timing=patience.timing(), on_interruption=told.append)
    assert await sequences(watch) == [3]
    (interruption,) = told
    assert interruption.error.reason == "SERVER_DRAINING"
    assert interruption.retry_in == timedelta(seconds=0.2)


async def test_state_and_counts_alone_may_skip_numbers(
    far_end: FarEnd, client: Client, patience: Patience
) -> None:
    far_end.watch([snapshot(2), update(5), update(9, ended=True)])
    watch = client.batches.watch(
        "b-1",
        delivery=EVERY_EVENT,
        scope=WatchScope.WATCH_SCOPE_BATCH,
        timing=patience.timing(),
    )
    assert await sequences(watch) == [5, 9]


@pytest.mark.parametrize("seed", range(10))
async def test_every_event_comes_once_and_in_order_over_random_cuts(
    far_end: FarEnd, client: Client, patience: Patience, seed: int
) -> None:
    rng = random.Random(seed)
    last = 120

    async def unreliable(request: WatchBatchRequest) -> AsyncIterator[Part]:
        """Cuts, repeats and loses at random; never makes up a token."""
        at = int(request.resume_token.removeprefix("after-") or "0")
        if not request.resume_token:
            yield snapshot(0)
        while at < last:
            first = max(1, at + 1 - rng.choice([0, 0, 0, 2])) + rng.choice([0] * 9 + [1])
            at = min(last, first + rng.randrange(6))
            if first > at:
                return
            yield update(*range(first, at + 1), ended=at == last)
            if rng.random() < 0.25:
                yield rng.choice(CUTS)

    far_end.watch(*[unreliable] * 1000)
    watch = client.batches.watch(
        "b-1", delivery=EVERY_EVENT, timing=patience.timing(faults_allowed=100)
    )
    assert await sequences(watch) == list(range(1, last + 1))
