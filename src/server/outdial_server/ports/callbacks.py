"""The inbox of carriers' callbacks: stored first, acted on by the next tick."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from outdial_server.ports.carrier import RawCallback


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
