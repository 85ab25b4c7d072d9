"""Where a watcher of a batch stands."""

from dataclasses import dataclass

from outdial.v1.batch_service_pb2 import WatchBatchResponse


class EventGap(Exception):
    """A message does not follow the one before it."""


@dataclass(slots=True)
class WatchPosition:
    """Follows the numbers of events over any number of streams of one batch."""

    contiguous: bool
    """Whether every event is owed, so that a missing number is a loss."""
    resume_token: str = ""
    sequence: int | None = None
    """Newest event seen; None before the first message that says."""

    def advance(self, message: WatchBatchResponse) -> WatchBatchResponse | None:
        """What of `message` is new, or None; raises EventGap and stays where it is."""
        if not message.resume_token:
            return message
        fresh = self._drop_seen(message)
        if self.contiguous and not message.snapshot_complete:
            self._check(fresh)
        if self._is_stale(message, fresh):
            return None
        self.resume_token = message.resume_token
        self.sequence = max(message.sequence, self.sequence or 0)
        return fresh

    def _drop_seen(self, message: WatchBatchResponse) -> WatchBatchResponse:
        if self.sequence is None or not message.events:
            return message
        new = [event for event in message.events if event.sequence > self.sequence]
        if len(new) == len(message.events):
            return message
        fresh = WatchBatchResponse()
        fresh.CopyFrom(message)
        fresh.ClearField("events")
        fresh.events.extend(new)
        return fresh

    def _check(self, fresh: WatchBatchResponse) -> None:
        numbers = [event.sequence for event in fresh.events]
        # With a token from elsewhere nobody has said yet where it stands: then the
        # events of the first message only have to fit each other.
        before = fresh.sequence - len(numbers) if self.sequence is None else self.sequence
        if fresh.sequence >= before and numbers != list(range(before + 1, fresh.sequence + 1)):
            raise EventGap(f"after event {before} came {numbers[:3]} up to {fresh.sequence}")

    def _is_stale(self, message: WatchBatchResponse, fresh: WatchBatchResponse) -> bool:
        if self.sequence is None or message.batch_ended:
            return False
        only_repeats = bool(message.events) and not fresh.events
        return message.sequence < self.sequence or only_repeats
