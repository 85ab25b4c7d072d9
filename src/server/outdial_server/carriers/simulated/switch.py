"""The telephone switch of the simulated carrier: calls that are live, and their timers."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVarTuple

from outdial_server.carriers.simulated.profile import Mode, SimulationProfile
from outdial_server.carriers.simulated.script import CallScript, Status, Step
from outdial_server.domain.call import Disposition

Args = TypeVarTuple("Args")


class Timer(Protocol):
    def cancel(self) -> object: ...


class Timers(Protocol):
    """The running event loop's, or those of a test."""

    def time(self) -> float: ...

    def call_later(
        self, delay: float, callback: Callable[[*Args], object], *args: *Args
    ) -> Timer: ...


@dataclass(slots=True, eq=False)
class PlacedCall:
    """A call that the carrier has. `status` is None until its phone rings; `timer`, which
    takes it to its next status, until it leaves the queue."""

    carrier_call_id: str
    call_id: str
    to: str
    script: CallScript
    callback_url: str = ""
    placed_us: int = 0
    status: Status | None = None
    rang: bool = False
    answered: bool = False
    disposition: Disposition | None = None
    timer: Timer | None = field(default=None, repr=False)

    @property
    def is_live(self) -> bool:
        return self.status is not Status.ENDED


OnStatus = Callable[[PlacedCall], None]

RATE_WINDOW_SECONDS: Final = 1.0
ENDED_KEPT: Final = 10_000
"""Ended calls that can still be looked up: some 10 MB."""


class Switch:
    """Rings, answers and ends calls by their scripts. Live is what holds a line, from the
    moment it leaves the queue until it ends."""

    def __init__(
        self,
        profile: SimulationProfile,
        on_status: OnStatus,
        timers: Timers | None = None,
        ended_kept: int = ENDED_KEPT,
    ) -> None:
        """Without `timers`, those of the event loop that runs."""
        self.profile = profile
        self.live = 0
        self.live_most = 0
        self.placed = 0
        self._on_status = on_status
        self._ended_kept = ended_kept
        self._timers = timers or asyncio.get_running_loop()
        self._calls: dict[str, PlacedCall] = {}
        self._by_our_id: dict[str, PlacedCall] = {}
        self._ended: deque[PlacedCall] = deque()
        self._queue: deque[PlacedCall] = deque()
        self._started_at: deque[float] = deque()
        self._pump_timer: Timer | None = None

    def change_profile(self, profile: SimulationProfile) -> None:
        """From the next request on; limits at once."""
        self.profile = profile
        self._pump()

    def retry_after_seconds(self) -> float | None:
        """Above its limits a refusing carrier says when to come again; None: come in."""
        if self.profile.mode is Mode.QUEUEING:
            return None
        most = self.profile.max_concurrent_calls
        if most and self.live >= most:
            return RATE_WINDOW_SECONDS
        wait = self._rate_wait()
        return wait if wait > 0 else None

    def place(self, call: PlacedCall) -> None:
        self.placed += 1
        self._calls[call.carrier_call_id] = call
        self._by_our_id[call.call_id] = call
        self._queue.append(call)
        self._pump()

    def find(self, carrier_call_id: str) -> PlacedCall | None:
        return self._calls.get(carrier_call_id)

    def calls(self) -> Iterator[PlacedCall]:
        """All that can be looked up, in the order in which they were placed."""
        return iter(self._calls.values())

    def find_ours(self, call_id: str) -> PlacedCall | None:
        return self._by_our_id.get(call_id)

    def hang_up(self, call: PlacedCall) -> None:
        if not call.is_live:
            return
        if call.timer is None:
            # A queued call holds a line for no longer than its end takes.
            self._queue.remove(call)
            self.live += 1
        else:
            call.timer.cancel()
        end = call.script.steps[-1].disposition if call.answered else Disposition.CANCELLED
        self._take_step(call, Step(0, Status.ENDED, end), ())

    def close(self) -> None:
        for call in self._calls.values():
            if call.timer is not None:
                call.timer.cancel()
        if self._pump_timer is not None:
            self._pump_timer.cancel()

    def _pump(self) -> None:
        """Starts what is queued, as far as the limits of a queueing carrier allow."""
        while self._queue and self._has_room():
            wait = self._rate_wait()
            if wait > 0:
                self._pump_later(wait)
                return
            self._start(self._queue.popleft())

    def _has_room(self) -> bool:
        most = self.profile.max_concurrent_calls
        return not most or self.live < most

    def _pump_later(self, wait: float) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
        self._pump_timer = self._timers.call_later(wait, self._pump)

    def _rate_wait(self) -> float:
        rate = self.profile.calls_per_second
        if not rate:
            return 0.0
        now = self._timers.time()
        # A whole call at least each window, else a rate below one would never start any.
        window = max(RATE_WINDOW_SECONDS, 1 / rate)
        while self._started_at and self._started_at[0] <= now - window:
            self._started_at.popleft()
        if len(self._started_at) < max(1, int(rate * window)):
            return 0.0
        return self._started_at[0] + window - now

    def _start(self, call: PlacedCall) -> None:
        if self.profile.calls_per_second:
            self._started_at.append(self._timers.time())
        self.live += 1
        self.live_most = max(self.live_most, self.live)
        self._go_on(call, call.script.steps)

    def _go_on(self, call: PlacedCall, steps: tuple[Step, ...]) -> None:
        step, rest = steps[0], steps[1:]
        call.timer = self._timers.call_later(step.after_seconds, self._take_step, call, step, rest)

    def _take_step(self, call: PlacedCall, step: Step, rest: tuple[Step, ...]) -> None:
        call.status = step.status
        call.disposition = step.disposition
        call.rang |= step.status is not Status.ENDED
        call.answered |= step.status is Status.ANSWERED
        if step.status is Status.ENDED:
            self.live -= 1
            self._keep_ended(call)
        self._on_status(call)
        if rest:
            self._go_on(call, rest)
        else:
            call.timer = None
            self._pump()

    def _keep_ended(self, call: PlacedCall) -> None:
        self._ended.append(call)
        if len(self._ended) > self._ended_kept:
            oldest = self._ended.popleft()
            self._calls.pop(oldest.carrier_call_id, None)
            if self._by_our_id.get(oldest.call_id) is oldest:
                del self._by_our_id[oldest.call_id]
