"""What a watcher is told at once: one message of its stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, Never, TypeVar

from outdial_server.domain.batch import Batch
from outdial_server.domain.scheduled_call import ScheduledCall
from outdial_server.watch.entry import Entry
from outdial_server.watch.fold import View, closes, fold, up_to_closing
from outdial_server.watch.token import write_token

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)

EVENTS_PER_UPDATE_MAX: Final = 1000
"""Encoded about 250 bytes each."""


class UpdateKind(Enum):
    SNAPSHOT = "snapshot"
    SNAPSHOT_COMPLETE = "snapshot_complete"
    EVENTS = "events"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Update(Generic[E_co]):
    """Watchers that stand at the same place with the same view get the same object, and
    need it encoded once; it is compared and kept by identity."""

    kind: UpdateKind
    batch: Batch
    # 0 and empty inside a snapshot that is not complete.
    sequence: int = 0
    resume_token: str = ""
    rows: Sequence[ScheduledCall] = ()
    events: Sequence[E_co] = ()
    # The last of its stream.
    ended: bool = False


def events_update(batch: Batch, entries: Sequence[Entry[E]], view: View) -> Update[E]:
    """All of `entries`, which are the next ones of the log, in one message; less what
    comes after the end of the batch."""
    told = up_to_closing(entries, batch.sequence)
    newest = told[-1].event
    return Update(
        UpdateKind.EVENTS,
        batch,
        newest.sequence,
        write_token(batch.batch_id, newest.sequence),
        events=[entry.encoded for entry in fold(told, view)],
        ended=closes(newest, batch.sequence),
    )


def standing_update(
    kind: UpdateKind, batch: Batch, sequence: int, *, ended: bool = False
) -> Update[Never]:
    """A message that only says where its watcher stands."""
    return Update(kind, batch, sequence, write_token(batch.batch_id, sequence), ended=ended)
