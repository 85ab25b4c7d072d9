"""The carrier's durable record of what it was asked and what really rang: JSON lines, each
written before the answer to its request leaves. A judge reads it afterwards."""

import os
import time
from pathlib import Path
from typing import Protocol

import orjson


class RingLog(Protocol):
    def write(self, event: str, call_id: str, carrier_call_id: str, to: str, live: int) -> None:
        """`event` is requested, placed, ringing, answered or ended; `live` the calls alive
        after it."""
        ...


class FileRingLog:
    """One write call a line, to a file opened for appending: what was written survives the
    process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, call_id: str, carrier_call_id: str, to: str, live: int) -> None:
        line = orjson.dumps(
            {
                "time_us": time.time_ns() // 1000,  # noqa: TID251 a witness has its own clock
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
    def write(self, event: str, call_id: str, carrier_call_id: str, to: str, live: int) -> None:
        pass
