"""The inbox of carriers' callbacks: stored first, acted on by the next turn of the applier."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from outdial_server.ports.carrier import Carrier, RawCallback

TakeCallback = Callable[[RawCallback, Carrier], Awaitable[None]]
"""Takes a verified callback, and returns once it is stored. Raises UnavailableError; its sender
must send it again then."""


@dataclass(frozen=True, slots=True)
class StoredCallback:
    key: int
    callback: RawCallback


class CallbackInbox(Protocol):
    async def store(self, callback: RawCallback) -> None:
        """Returns once the callback is durable. Callers that come together share a
        transaction."""
        ...

    async def pending(self, limit: int) -> Sequence[StoredCallback]:
        """The oldest callbacks that are not yet acted on. They are removed by
        `DispatchStore.apply_reports`, in the transaction that applies them."""
        ...
