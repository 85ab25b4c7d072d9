"""An event loop whose time jumps, and on which whole processes are stopped and go on."""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from support.virtual_time import JumpingLoop


@dataclass(eq=False, slots=True)
class Process:
    """Tasks that live and stand still together. A task belongs to the process whose task made
    it, by its context."""

    name: str
    is_stopped: bool = False
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    # What has come due while it was stopped, in order.
    held: list[asyncio.Handle] = field(default_factory=list)


_OWNER: ContextVar[Process | None] = ContextVar("process", default=None)


class ProcessLoop(JumpingLoop):
    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_owned_task)

    def run_in(self, process: Process, start: Callable[[], Any]) -> Any:
        """What `start` begins belongs to the process."""
        context = copy_context()
        context.run(_OWNER.set, process)
        return context.run(start)

    def stop_process(self, process: Process) -> None:
        """As SIGSTOP does: nothing of it runs, at whatever point it is."""
        process.is_stopped = True
        ready = self._ready  # type: ignore[attr-defined] # the loop has no public word for it
        for place, handle in enumerate(ready):
            if _owner(handle._context) is process:
                process.held.append(handle)
                # The loop has counted them and takes as many.
                ready[place] = asyncio.Handle(_nothing, (), self, handle._context)

    def continue_process(self, process: Process) -> None:
        """Its timers that have come due meanwhile ring now."""
        process.is_stopped = False
        held, process.held = process.held, []
        self._ready.extend(held)  # type: ignore[attr-defined]

    async def end_process(self, process: Process) -> None:
        """As SIGKILL does, if nothing of the process can reach the world any more: its tasks
        unwind."""
        self.continue_process(process)
        tasks = [task for task in process.tasks if not task.done()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            await asyncio.wait([task])

    def call_soon(  # type: ignore[override] # as the base has it, without its type variables
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        owner = _owner(context) if context is not None else _OWNER.get()
        if owner is None or not owner.is_stopped:
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        owner.held.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        owner = _owner(context) if context is not None else _OWNER.get()
        if owner is None:
            return super().call_at(when, callback, *args, context=context)

        def ring() -> None:
            if owner.is_stopped:
                self.call_soon(go, context=context)
            else:
                callback(*args)

        def go() -> None:
            # Cancelled meanwhile, it does not ring.
            if not timer.cancelled():
                callback(*args)

        timer = super().call_at(when, ring, context=context)
        return timer


def _nothing() -> None:
    pass


def _owner(context: Context | None) -> Process | None:
    return None if context is None else context.get(_OWNER)


def _owned_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
    owner = _OWNER.get()
    if owner is not None:
        owner.tasks[task] = None
        task.add_done_callback(lambda done: owner.tasks.pop(done, None))
    return task
