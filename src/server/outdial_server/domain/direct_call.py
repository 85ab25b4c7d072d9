"""Direct calls: one call outside any batch, made at once or not at all.

To the store a direct call is a batch of one person that nobody is shown: what holds for
calls of batches holds for it. See docs/adr/0013.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.errors import ExhaustedError, OutdialError, PreconditionError, Reason
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.sentences import sentence
from outdial_server.domain.suppression import SUPPRESSED

PATIENCE: Final = timedelta(seconds=30)
"""For so long a call that was to go at once may be dialled later, when the carrier has turned
it away unprocessed or the server went down: longer, and whoever asked for it has gone."""

DIRECT_PRIORITY: Final = limits.PRIORITY_MAX + 1
"""Ahead of all batches."""

_RETRY_AFTER: Final = timedelta(seconds=1)
"""For a limit that names no moment: some call is to end first."""

EXPIRED: Final = "EXPIRED"


def expiry(wait_until: datetime | None, now: datetime) -> datetime:
    """From when on it is not dialled any more."""
    return wait_until or now + PATIENCE


def refusal(answers: Iterable[GateAnswer], now: datetime, *, may_wait: bool) -> OutdialError | None:
    """Why a call cannot be made; None for one that can, now or, where it may wait, later."""
    blocked = [answer for answer in answers if not answer.is_open]
    for_good = [answer for answer in blocked if answer.is_for_good]
    if for_good:
        return _refused(for_good[0], now)
    return _refused(blocked[0], now) if blocked and not may_wait else None


def _refused(answer: GateAnswer, now: datetime) -> OutdialError:
    if answer.reason == SUPPRESSED:
        return PreconditionError(Reason.ADDRESS_SUPPRESSED, sentence(answer))
    if answer.reason == "NO_FREE_SLOT":
        figures = {name: str(answer.figures[name]) for name in ("used", "cap")}
        return ExhaustedError(
            Reason.NO_FREE_SLOT,
            sentence(answer),
            {"gate": answer.gate, "used": figures["used"], "cap": figures["cap"]},
            _RETRY_AFTER,
        )
    return ExhaustedError(
        Reason.CALL_HELD_BACK,
        sentence(answer),
        {"gate": answer.gate, "because": answer.reason},
        _RETRY_AFTER if answer.next_at is None else answer.next_at - now,
    )


def too_many_wait(waiting: int) -> ExhaustedError:
    return ExhaustedError(
        Reason.TOO_MANY_CALLS_WAIT,
        f"{waiting} direct calls of the account wait for room already",
        {"waiting": str(waiting)},
        _RETRY_AFTER,
    )


def reason_of_end(final_state: ScheduledCallState, state_reason: str) -> str:
    """Of a call that ended without having been dialled."""
    return EXPIRED if final_state is ScheduledCallState.EXPIRED else state_reason
