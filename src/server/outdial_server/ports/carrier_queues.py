"""Calls that carriers have taken and not dialled yet, as the engine sees them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.ports.carrier import CallQuery


@dataclass(frozen=True, slots=True)
class QueuedCall:
    """A call that was taken some time ago and has not rung, as far as is known here."""

    carrier: str
    carrier_config: ConfigRef | None
    query: CallQuery
    # Its batch has stopped, or its window or the hours have closed: it is not to ring.
    is_unwanted: bool
    # The carrier was asked to drop it a moment ago.
    is_recalled: bool


class CarrierQueueStore(Protocol):
    async def queued_calls(self, carriers: Collection[str], limit: int) -> Sequence[QueuedCall]:
        """Of these carriers, longest waiting first, at most `limit`. Changes nothing."""
        ...

    async def note_recall(self, call: QueuedCall) -> None:
        """Before the carrier is asked to drop it: when it has on record that the call was
        cancelled and never rang, the person waits again."""
        ...

    async def note_queue(self, call: QueuedCall) -> None:
        """The carrier has it in a queue: too much was asked of the account."""
        ...
