"""An event loop whose time jumps: hours of the real engine in seconds. Only for work without
sockets. What a thread does, as the database's, takes no time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any, TypeVar

from support.clock import START

T = TypeVar("T")


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now_seconds = 0.0
        self._in_threads = 0
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._now_seconds

    def run_in_executor(  # type: ignore[override] # as the base has it, without its type variables
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        self._in_threads += 1
        work = super().run_in_executor(executor, func, *args)
        work.add_done_callback(self._out_of_thread)
        return work

    def _out_of_thread(self, work: "asyncio.Future[Any]") -> None:
        self._in_threads -= 1

    def _jump(self, timeout: float | None) -> float | None:
        """How long to wait in earnest, before the next timer in so many seconds."""
        if self._in_threads or timeout is None:
            return None
        self._now_seconds += timeout
        return 0.0


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, jump: Callable[[float | None], float | None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 0:
            timeout = self._jump(timeout)
        return super().select(timeout)


class LoopClock:
    """The clock of such a loop. Other threads may read it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time())


class HostClock:
    """Of one machine, which may be set to another time at any moment."""

    def __init__(self, true_clock: LoopClock) -> None:
        self._true_clock = true_clock
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return self._true_clock.now() + self.offset


def run_jumping(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)
