"""What carriers tell: over HTTP it is applied before it is answered; what nobody would send again
is stored first."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from outdial_server.ports.carrier import Carrier, RawCallback

TakeCallback = Callable[[RawCallback, Carrier], Awaitable[None]]
"""Takes a verified callback, and returns once what it says is applied. One that says nothing, or
that cannot be read, is taken too: sent again it would be no better. Raises UnavailableError; its
sender must send it again then."""


@dataclass(frozen=True, slots=True)
class StoredCallback:
    key: int
    callback: RawCallback


class CallbackInbox(Protocol):
    """For news from within the machine, of which there is no other copy."""

    async def store(self, callback: RawCallback) -> None:
        """Returns once the callback is durable. Callers that come together share a
        transaction."""
        ...

    async def pending(self, limit: int) -> Sequence[StoredCallback]:
        """The oldest callbacks that are not yet applied. They are removed by
        `DispatchStore.apply_reports`, in the transaction that applies them."""
        ...
