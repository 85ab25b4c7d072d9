"""The switch on time that the test owns: who rings when, and how many are live."""

import heapq
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.carriers.simulated.script import Status, write_script
from outdial_server.carriers.simulated.switch import PlacedCall, Switch
from outdial_server.domain.call import Disposition

ANSWERED = with_settings(
    SimulationProfile(),
    [
        *(f"{name}=0" for name in ("answered_machine", "busy", "no_answer", "rejected", "failed")),
        "invalid_number=0",
        "ring_ms=2000",
        "talk_ms=10000",
    ],
)


class FakeTimer:
    def __init__(self, ring: Callable[[], object]) -> None:
        self.ring = ring

    def cancel(self) -> None:
        self.ring = lambda: None


class FakeTimers:
    def __init__(self) -> None:
        self._now = 0.0
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, FakeTimer]] = []

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> FakeTimer:
        timer = FakeTimer(lambda: callback(*args))
        heapq.heappush(self._due, (self._now + delay, next(self._numbers), timer))
        return timer

    def run_until(self, moment: float) -> None:
        while self._due and self._due[0][0] <= moment:
            self._now, _, timer = heapq.heappop(self._due)
            timer.ring()
        self._now = moment


class Exchange:
    """A switch, and what it told at which second."""

    def __init__(self, profile: SimulationProfile = ANSWERED, *settings: str) -> None:
        self.timers = FakeTimers()
        self.told: list[tuple[float, str, Status | None]] = []
        self.lives: list[int] = []
        self._profile = with_settings(profile, settings)
        self.switch = Switch(self._profile, self._tell, self.timers)

    def _tell(self, call: PlacedCall) -> None:
        self.told.append((self.timers.time(), call.call_id, call.status))
        self.lives.append(self.switch.live)

    def place(self, call_id: str = "a") -> PlacedCall:
        script = write_script(
            self._profile, call_id, "+1", timedelta(seconds=30), timedelta(minutes=1)
        )
        call = PlacedCall(f"SIM-{call_id}", call_id, "+1", script)
        self.switch.place(call)
        return call

    def times_of(self, status: Status) -> list[float]:
        return [moment for moment, _, told in self.told if told is status]


def test_a_call_rings_is_answered_and_ends_by_its_script() -> None:
    exchange = Exchange()
    call = exchange.place()
    exchange.timers.run_until(60)
    assert exchange.told == [
        (0, "a", Status.RINGING),
        (2, "a", Status.ANSWERED),
        (12, "a", Status.ENDED),
    ]
    assert call.disposition is Disposition.ANSWERED_HUMAN
    assert exchange.switch.live == 0


def test_nothing_is_told_before_place_returns() -> None:
    """The log has "placed" before "ringing", and the answer leaves first."""
    exchange = Exchange()
    exchange.place()
    assert exchange.told == []
    assert exchange.switch.live == 1


def test_a_call_is_found_by_either_id_while_it_lives_and_after() -> None:
    exchange = Exchange()
    call = exchange.place()
    for moment in (0, 60):
        exchange.timers.run_until(moment)
        assert exchange.switch.find("SIM-a") is call
        assert exchange.switch.find_ours("a") is call
    assert exchange.switch.find("a") is None


@pytest.mark.parametrize(
    ("at", "disposition"),
    [
        # Before the phone has even rung.
        (-1, Disposition.CANCELLED),
        (1, Disposition.CANCELLED),
        (5, Disposition.ANSWERED_HUMAN),
    ],
)
def test_a_call_that_is_hung_up_ends_at_once_and_only_once(
    at: float, disposition: Disposition
) -> None:
    exchange = Exchange()
    call = exchange.place()
    if at >= 0:
        exchange.timers.run_until(at)
    exchange.switch.hang_up(call)
    exchange.switch.hang_up(call)
    exchange.timers.run_until(60)
    assert exchange.times_of(Status.ENDED) == [max(at, 0)]
    assert call.disposition is disposition
    assert exchange.switch.live == 0


def test_a_queued_call_that_is_hung_up_never_rings() -> None:
    exchange = Exchange(ANSWERED, "mode=queueing", "max_concurrent_calls=1")
    exchange.place("a")
    queued = exchange.place("b")
    exchange.switch.hang_up(queued)
    exchange.timers.run_until(60)
    assert [(name, status) for _, name, status in exchange.told if name == "b"] == [
        ("b", Status.ENDED)
    ]
    assert queued.disposition is Disposition.CANCELLED
    assert exchange.switch.live_most == 1
    assert exchange.switch.live == 0


def test_a_queueing_carrier_takes_everything_and_rings_at_its_rate() -> None:
    exchange = Exchange(ANSWERED, "mode=queueing", "calls_per_second=2")
    for number in range(6):
        assert exchange.switch.retry_after_seconds() is None
        exchange.place(str(number))
    exchange.timers.run_until(60)
    assert exchange.times_of(Status.RINGING) == pytest.approx([0, 0, 1, 1, 2, 2])


def test_a_rate_below_one_a_second_still_rings() -> None:
    exchange = Exchange(ANSWERED, "mode=queueing", "calls_per_second=0.2")
    for number in range(3):
        exchange.place(str(number))
    exchange.timers.run_until(60)
    assert exchange.times_of(Status.RINGING) == pytest.approx([0, 5, 10])


def test_a_queueing_carrier_rings_the_next_when_a_line_is_free() -> None:
    exchange = Exchange(ANSWERED, "mode=queueing", "max_concurrent_calls=1")
    for number in range(3):
        exchange.place(str(number))
    exchange.timers.run_until(60)
    assert exchange.times_of(Status.RINGING) == [0, 12, 24]
    assert exchange.switch.live_most == 1


def test_a_refusing_carrier_says_when_to_come_again() -> None:
    exchange = Exchange(ANSWERED, "calls_per_second=1")
    exchange.place("a")
    exchange.timers.run_until(0.25)
    assert exchange.switch.retry_after_seconds() == pytest.approx(0.75)
    exchange.timers.run_until(1)
    assert exchange.switch.retry_after_seconds() is None


def test_a_refusing_carrier_without_a_free_line_refuses() -> None:
    exchange = Exchange(ANSWERED, "max_concurrent_calls=1")
    exchange.place("a")
    assert exchange.switch.retry_after_seconds() is not None
    exchange.timers.run_until(12)
    assert exchange.switch.retry_after_seconds() is None


def test_raised_limits_let_the_queue_go_on_at_once() -> None:
    exchange = Exchange(ANSWERED, "mode=queueing", "max_concurrent_calls=1")
    for number in range(3):
        exchange.place(str(number))
    exchange.switch.change_profile(with_settings(ANSWERED, ["mode=queueing"]))
    exchange.timers.run_until(1)
    assert exchange.times_of(Status.RINGING) == [0, 0, 0]


def test_a_closed_switch_tells_nothing_more() -> None:
    exchange = Exchange(ANSWERED, "mode=queueing", "calls_per_second=1")
    exchange.place("a")
    exchange.place("b")
    exchange.switch.close()
    exchange.timers.run_until(60)
    assert exchange.told == []


STEPS = st.lists(
    st.one_of(
        st.just("place"),
        st.integers(0, 30),
        st.floats(0.01, 20, allow_nan=False),
    ),
    max_size=60,
)


@given(
    STEPS,
    st.integers(1, 4),
    st.sampled_from([0, 0.5, 3]),
    st.sampled_from(["queueing", "refusing"]),
)
def test_live_is_what_lives_and_never_above_the_limit(
    steps: list[str | int | float], most: int, rate: float, mode: str
) -> None:
    """Calls are placed, hung up by their number, and time passes, in any order."""
    exchange = Exchange(
        ANSWERED, f"mode={mode}", f"max_concurrent_calls={most}", f"calls_per_second={rate}"
    )
    calls: list[PlacedCall] = []
    for step in steps:
        if step == "place":
            if exchange.switch.retry_after_seconds() is None:
                calls.append(exchange.place(str(len(calls))))
        elif isinstance(step, int):
            for call in calls[step : step + 1]:
                exchange.switch.hang_up(call)
        elif isinstance(step, float):
            exchange.timers.run_until(exchange.timers.time() + step)
        ringing = [call for call in calls if call.is_live and call.status is not None]
        assert len(ringing) <= exchange.switch.live <= most
    exchange.timers.run_until(exchange.timers.time() + 1000)
    assert exchange.switch.live == 0
    assert all(0 <= live <= most for live in exchange.lives)
    assert all(call.disposition is not None for call in calls)
    assert len(exchange.times_of(Status.ENDED)) == len(calls)
