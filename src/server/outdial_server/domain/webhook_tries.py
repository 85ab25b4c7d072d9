"""When a webhook is tried again, and when it is given up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from outdial_server.domain.webhook_format import WebhookFormat

DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=8),
)
"""After the first try that failed, the second and so on; a day in all. After the last of them
the message is given up."""

_DOUBLING: Final = tuple(timedelta(seconds=30 * 2**n) for n in range(10))


@dataclass(frozen=True, slots=True)
class Tries:
    """How an endpoint of one format is tried."""

    delays: Sequence[timedelta] = DELAYS
    # Of one request.
    deadline: timedelta = timedelta(seconds=10)
    # Whether 410 says that it wants nothing any more; else it is a failure as any other.
    heeds_gone: bool = False


TRIES: Final[Mapping[WebhookFormat, Tries]] = {
    WebhookFormat.OUTDIAL: Tries(heeds_gone=True),
    WebhookFormat.ULTRAVOX: Tries(_DOUBLING),
    WebhookFormat.SPEECHIFY: Tries(deadline=timedelta(seconds=5)),
    # Ten requests in all; the pauses between them are not documented.
    WebhookFormat.TRUEDY: Tries(_DOUBLING[:9]),
}

DEAD_AFTER: Final = sum(DELAYS, timedelta())

JITTER: Final = 0.2
"""At most so much of a delay is added to it, so that endpoints that failed together do not come
back together."""

RETRY_AFTER_MOST: Final = timedelta(hours=1)

ANSWER_KEPT_BYTES: Final = 500
"""Of the body of an answer: enough for what went wrong, and too little for somebody's data."""

_GONE: Final = 410


class Verdict(Enum):
    TAKEN = "taken"
    FAILED = "failed"
    # The endpoint wants nothing any more.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TryResult:
    """How one request ended. `error` is empty when it was taken."""

    verdict: Verdict
    error: str = ""
    # What the endpoint asked for.
    retry_after: timedelta | None = None
    # Of the answer, when there was one: with the first of its text.
    status: int | None = None
    answer: str = ""


TAKEN: Final = TryResult(Verdict.TAKEN)


def judge(status: int, headers: Mapping[str, str], body: bytes = b"") -> TryResult:
    """Of an answer. A redirect is none that was taken: it is not followed."""
    answer = _first_of(body)
    if 200 <= status < 300:
        return TryResult(Verdict.TAKEN, status=status, answer=answer)
    verdict = Verdict.GONE if status == _GONE else Verdict.FAILED
    retry_after = _retry_after(headers.get("retry-after", ""))
    return TryResult(verdict, f"HTTP_{status}", retry_after, status, answer)


def _first_of(body: bytes) -> str:
    """What a person can read of it: PostgreSQL stores no NUL, and a terminal is not to be told
    what to do."""
    text = body[:ANSWER_KEPT_BYTES].decode(errors="replace")
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def _retry_after(text: str) -> timedelta | None:
    """In seconds; a date is passed over: clocks differ."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal()):
        return None
    # Nobody counts on more digits than these, and a longer number would be slow to read.
    return min(timedelta(seconds=int(text[:9])), RETRY_AFTER_MOST)


def is_dead(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint has taken nothing at all for as long as one message is tried."""
    return failing_since is not None and now - failing_since >= DEAD_AFTER


def next_try(
    delays: Sequence[timedelta], failures: int, result: TryResult, drawn: float, now: datetime
) -> datetime | None:
    """When to try again what has failed `failures` times by now; None: never. `drawn` is a
    number from 0 to below 1."""
    if failures > len(delays):
        return None
    delay = delays[failures - 1] * (1 + JITTER * drawn)
    return now + max(delay, result.retry_after or delay)
