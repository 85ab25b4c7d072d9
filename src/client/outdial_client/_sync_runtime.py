"""Runs the async client for callers that are not async: below `outdial_client.sync`."""

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Params = ParamSpec("_Params")

# Taken at once from an iterator of the caller.
_ITEMS_AT_ONCE: Final = 500
# The interpreter may fall asleep over a signal that comes in the very moment before: whoever waits
# wakes so often, and Ctrl-C may be late, but is not lost.
_SIGNAL_SECONDS: Final = 1.0
# At exit nobody waits longer for what is still under way.
_STOP_SECONDS: Final = 5.0


class _End:
    """Behind the last item of an iterator."""


_END: Final = _End()


class Errands:
    """What a waiting caller does meanwhile, in its own thread.

    So callbacks and iterators of the caller run where the caller expects them, may
    use the client themselves, and end the wait by what they raise.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._work: asyncio.Task[Any] | None = None
        self._is_called_off = False

    def add(self, errand: Callable[[], None]) -> None:
        """To be done soon; nobody waits for it."""
        self._queue.put(errand)

    async def ask(self, question: Callable[[], _Result]) -> _Result:
        """What the caller's thread answers."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result] = loop.create_future()

        def errand() -> None:
            try:
                result = question()
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                loop.call_soon_threadsafe(_settle, answer, partial(answer.set_exception, error))
            else:
                loop.call_soon_threadsafe(_settle, answer, partial(answer.set_result, result))

        self.add(errand)
        return await answer

    def begin(self) -> None:
        """By the work, before all else."""
        if self._is_called_off:
            raise asyncio.CancelledError
        self._work = asyncio.current_task()

    def call_off(self) -> None:
        """Cancels the work, begun or not; where the loop runs."""
        self._is_called_off = True
        if self._work is not None:
            self._work.cancel()

    def close(self, _: object = None) -> None:
        """There will be no more."""
        self._queue.put(None)

    def run_until_closed(self) -> None:
        """Does errands as they come. Ctrl-C reaches the main thread in here."""
        while (errand := self._next()) is not None:
            errand()

    def _next(self) -> Callable[[], None] | None:
        while True:
            try:
                return self._queue.get(timeout=_SIGNAL_SECONDS)
            except Empty:
                continue


_current: ContextVar[Errands] = ContextVar("errands")


class LoopThread:
    """An event loop in a thread of its own; any number of threads may use it."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outdial-client", daemon=True)
        self._thread.start()
        self._started.wait()
        # Ends the loop while the interpreter still stands: a daemon thread that outlives
        # it may crash in the libraries' own code.
        atexit.register(self.stop)

    def run(self, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Waits for what `work` gives; what interrupts the wait cancels the work."""
        self._check()
        errands = Errands()
        try:
            # Ctrl-C may come between any two steps, the work begun and no future at hand.
            future = asyncio.run_coroutine_threadsafe(_accompanied(errands, work), self._loop)
            future.add_done_callback(errands.close)
            errands.run_until_closed()
        except BaseException:
            with suppress(RuntimeError):
                # That of a loop which is closed: all its work has ended.
                self._loop.call_soon_threadsafe(errands.call_off)
            raise
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError("the client's event loop was stopped") from None

    def call(self, function: Callable[[], _Result]) -> _Result:
        """What `function` gives where the loop runs; it must not block."""

        async def work() -> _Result:
            return function()

        return self.run(work)

    def next(self, items: AsyncIterator[_Item]) -> _Item:
        """The next item; raises StopIteration."""
        item = self.run(partial(_next, items))
        if isinstance(item, _End):
            raise StopIteration
        return item

    def iterate(self, start: Callable[[], AsyncIterator[_Item]]) -> Iterator[_Item]:
        """The items of an async generator, which is closed when this one is."""
        items = start()
        try:
            while not isinstance(item := self.run(partial(_next, items)), _End):
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                self.release(items.aclose)

    def release(self, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Closes something soon, without waiting for it: garbage is collected in any thread."""
        if os.getpid() == self._pid and self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(close(), self._loop)

    def release_with(self, owner: object, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """The same once nobody has `owner` any more."""
        weakref.finalize(owner, self.release, close).atexit = False

    def stop(self) -> None:
        """Cancels what is under way and ends the thread."""
        if os.getpid() != self._pid or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._started.set()
        await self._stopped.wait()

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                "this client was made before the process forked: make one in the child"
            )
        if threading.current_thread() is self._thread:
            raise RuntimeError("this client would wait for itself: use the async client in here")
        if not self._thread.is_alive():
            raise RuntimeError("the client's event loop was stopped")


class _SharedLoop:
    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._loop: LoopThread | None = None

    def get(self) -> LoopThread:
        with self._lock:
            if self._loop is None:
                self._loop = LoopThread()
            return self._loop


_shared = _SharedLoop()
# The thread stays behind in the parent, and the lock may have been held there.
os.register_at_fork(after_in_child=_shared.forget)


def shared_loop() -> LoopThread:
    """The one thread for all clients of this process, started when it is first needed."""
    return _shared.get()


def told_here(function: Callable[_Params, None] | None) -> Callable[_Params, None] | None:
    """The callback, called in the thread of whoever waits for the client at that moment."""
    if function is None:
        return None

    def tell(*args: _Params.args, **kwargs: _Params.kwargs) -> None:
        _current.get().add(partial(function, *args, **kwargs))

    return tell


def read_here(items: Iterable[_Item]) -> Iterable[_Item] | AsyncIterable[_Item]:
    """The items, read in the thread of the caller; what is in memory stays as it is."""
    return items if isinstance(items, Sequence) else _read_here(iter(items))


async def _read_here(items: Iterator[_Item]) -> AsyncGenerator[_Item, None]:
    errands = _current.get()
    while some := await errands.ask(lambda: list(islice(items, _ITEMS_AT_ONCE))):
        for item in some:
            yield item


async def _accompanied(
    errands: Errands, work: Callable[[], Coroutine[Any, Any, _Result]]
) -> _Result:
    errands.begin()
    _current.set(errands)
    return await work()


async def _next(items: AsyncIterator[_Item]) -> _Item | _End:
    return await anext(items, _END)


def _settle(answer: asyncio.Future[_Result], settle: Callable[[], None]) -> None:
    # Nobody waits any more when the work was cancelled meanwhile.
    if not answer.done():
        settle()
