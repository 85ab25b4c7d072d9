"""What gathers between the loops keeps its order and wakes whoever empties it."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.engine.queues import ClaimedCalls, GatheredReports
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.ports.signals import Topic
from support.clock import START, ManualClock, ManualSignals
from support.domain import ACCOUNT, BATCH, TIMES, report


def numbered(count: int) -> list[CallReport]:
    return [report(ReportKind.RINGING, reason=str(number)) for number in range(count)]


@given(st.integers(0, 20), st.integers(0, 25))
def test_a_group_put_back_comes_first_again_in_its_order(count: int, most: int) -> None:
    gathered = GatheredReports(ManualSignals(ManualClock()))
    gathered.put_all(numbered(count))
    taken = gathered.take(most)
    assert len(taken) == min(count, most)
    assert len(gathered) == count - len(taken)
    gathered.put_back(taken)
    assert list(gathered.take(count)) == numbered(count)
    assert not gathered


async def test_putting_wakes_the_loop_that_takes() -> None:
    signals = ManualSignals(ManualClock())
    GatheredReports(signals).put(report(ReportKind.RINGING))
    await signals.wait(Topic.REPORT, None)


def claimed(number: int) -> ClaimedCall:
    return ClaimedCall(
        call_id=CallId(f"call-{number}"),
        fence=1,
        account_id=ACCOUNT,
        batch_id=BATCH,
        carrier="simulated",
        address="+15550000001",
        caller_id="",
        times=TIMES,
        template_context_json="",
        metadata_json="",
        ready_at=START,
        claimed_at=START,
    )


@given(st.lists(st.tuples(st.sampled_from(["claim", "direct", "take"]), st.integers(0, 3))))
def test_direct_calls_are_taken_first_and_each_kind_in_its_order(
    steps: list[tuple[str, int]],
) -> None:
    queue = ClaimedCalls(ManualSignals(ManualClock()))
    batches: deque[ClaimedCall] = deque()
    direct: deque[ClaimedCall] = deque()
    for number, (step, count) in enumerate(steps):
        if step == "direct":
            queue.dial_next(claimed(number))
            direct.append(claimed(number))
        elif step == "claim":
            queue.put_all([claimed(number)] * count)
            batches.extend([claimed(number)] * count)
        else:
            waiting = [*direct, *batches]
            taken = list(queue.take(count))
            assert taken == waiting[:count]
            for _ in taken:
                (direct or batches).popleft()
    assert list(queue.take(len(queue))) == [*direct, *batches]


async def test_a_direct_call_wakes_the_dialler() -> None:
    signals = ManualSignals(ManualClock())
    ClaimedCalls(signals).dial_next(claimed(1))
    await signals.wait(Topic.SEND, None)
