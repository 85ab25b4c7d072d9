"""Deliveries: what became of each event that an endpoint was to be told of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from outdial_server.domain.event import Event, EventType
from outdial_server.domain.ids import BatchId
from outdial_server.domain.webhook_tries import TryResult


class DeliveryState(IntEnum):
    """The numbers stand in statements, and nowhere in the database."""

    DELIVERED = 1
    # The last try failed, and there will be another.
    RETRYING = 2
    # The last try failed, and there will be none unless somebody asks for it.
    GIVEN_UP = 3


@dataclass(frozen=True, slots=True)
class Try:
    """One request with an event."""

    event: Event
    at: datetime
    took: timedelta
    result: TryResult


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event and an endpoint, with the last try."""

    message_id: str
    # None for a call outside any batch.
    batch_id: BatchId | None
    sequence: int
    event_type: EventType
    event_at: datetime
    state: DeliveryState
    tries: int
    first_tried_at: datetime
    tried_at: datetime
    took: timedelta
    # None when there was no answer.
    status: int | None
    error: str
    answer: str
    # Of one that is tried again.
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Empty and None: all."""

    states: Sequence[DeliveryState] = ()
    batch_id: BatchId | None = None
