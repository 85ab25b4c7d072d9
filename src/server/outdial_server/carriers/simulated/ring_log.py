"""The carrier's durable record of what it was asked and what really rang: JSON lines, each
written before the answer to its request leaves. A judge reads it afterwards."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import orjson

from outdial_server.ports.clock import Clock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros_of(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


class RingLog(Protocol):
    """What the carrier writes to."""

    def write(self, event: str, call_id: str, carrier_call_id: str, to: str, live: int) -> None:
        """`event` is requested, placed, ringing, answered or ended; `live` the calls alive
        after it."""
        ...

    def close(self) -> None:
        """Nothing is written afterwards."""
        ...


class FileRingLog:
    """One write call a line, to a file opened for appending: what was written survives the
    process."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, call_id: str, carrier_call_id: str, to: str, live: int) -> None:
        line = orjson.dumps(
            {
                "time_us": micros_of(self._clock.now()),
                "event": event,
                "call_id": call_id,
                "carrier_call_id": carrier_call_id,
                "to": to,
                "live": live,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        os.write(self._file, line)

    def close(self) -> None:
        os.close(self._file)


class NoRingLog:
    """For a carrier that nobody judges by."""

    def write(self, event: str, call_id: str, carrier_call_id: str, to: str, live: int) -> None:
        pass

    def close(self) -> None:
        pass
