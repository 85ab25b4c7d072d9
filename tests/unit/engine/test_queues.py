"""What gathers between the loops keeps its order and wakes whoever empties it."""

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.engine.queues import GatheredReports
from outdial_server.ports.signals import Topic
from support.clock import ManualClock, ManualSignals
from support.domain import report


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
