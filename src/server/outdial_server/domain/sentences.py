"""What a gate's answer says, for people. A reason without words of its own is told by its
name and figures, so that a new gate never goes unexplained."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.explanation import BatchStanding, RowStanding, Verdict
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.scheduled_call import ScheduledCall, ScheduledCallState

_SCOPES: Final = {
    "slots_account": "the account",
    "slots_account_batches": "the account's batches together",
    "slots_agent": "the agent",
    "slots_batch": "the batch",
    "slots_carrier_config": "the carrier account",
    "slots_phone_number": "the phone number",
}

_FIXED: Final[Mapping[str, str]] = {
    "BATCH_DRAFT": "The batch is a draft: start it.",
    "BATCH_PAUSED": "The batch is paused: resume it.",
    "BATCH_COMPLETED": "The batch is completed.",
    "BATCH_CANCELLED": "The batch was cancelled.",
    "BATCH_FAILED": "The batch has failed.",
    "WINDOW_CLOSED": "The window has closed: nobody is dialled any more.",
    "ROWS_BEING_PUT_OFF": "The rows looked at so far may not be dialled yet; the next claims "
    "look on.",
    "ROWS_BEING_REPLACED": "A new list has replaced those who waited: they are ended first.",
    "ROWS_BEING_SKIPPED": "Who is due is held back for good by a rule: the next claim ends them.",
    "NUMBERS_IN_CALLS": "Whoever is due is in a call of the account already, or was "
    "called often enough today.",
    "ROWS_WAIT_FOR_NUMBERS": "Who is next is to be shown a certain number, and waits until that "
    "one has a free slot.",
    "NO_USABLE_NUMBER": "None of the numbers to call from is active, good for outbound voice "
    "and of an account at the batch's carrier: make one active.",
    "NUMBER_NOT_USABLE": "The number to be shown is not active, not good for outbound voice, or of "
    "an account at another carrier.",
    "NUMBERS_WITHOUT_CONFIG": "The batch names no carrier config, and none of the numbers to call "
    "from has one with credentials: give it to one of them, or to the batch.",
    "NUMBER_WITHOUT_CONFIG": "The batch names no carrier config, and the number to be shown has "
    "none with credentials: give it to one of them.",
    "CALLER_ID_WITHOUT_CONFIG": "The batch names no carrier config, and what is to be shown is no "
    "number of the account's, which could have one.",
    "ROWS_WAIT_FOR_CONFIGURATION": "Who is next is to be shown a number, or none, with which "
    "nobody can be dialled as things are: explain one of them.",
    "NUMBERS_ACCOUNTS_FULL": "The carrier configs of the numbers to call from take no more calls "
    "for now.",
    "NUMBER_ACCOUNT_FULL": "The carrier config of the number to be shown takes no more calls for "
    "now.",
    "PROBE_OUT": "The carrier account did not work; one call is on its way to find out whether it "
    "does now.",
    "AGENT_INACTIVE": "The agent is not active: make it active.",
    "SUPPRESSED": "The number is on the account's do-not-call list.",
    "CARRIER_NOT_CONFIGURED": "This server has no such carrier: configure it, or the calls go "
    "back to waiting.",
    "SERVER_DRAINING": "This server is stopping, and dials no more.",
    "DATABASE_UNAVAILABLE": "This server cannot write to the database, and dials nobody until it "
    "can.",
    "DATABASE_FULL": "The disk of the database is full: nobody is dialled until there is space.",
    "DATABASE_READ_ONLY": "The database is read-only: nobody is dialled until it can be written.",
    "CLOCK_OFF": "The clock of this server is more than 5 seconds off the database's: it dials "
    "nobody until that is put right; other servers do.",
    "FAILOVER": "The database was taken over by another server, which may not know of the last "
    "calls: nobody is dialled until the carriers have said whom they called, or until "
    "`outdial-server quarantine lift`.",
    "NO_CLAIM_YET": "This server has only started, and has not claimed yet.",
}


def _counted(number: int | None, noun: str = "call") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _opens(answer: GateAnswer) -> str:
    return f"The window opens at {_moment(answer.next_at)}."


def _no_free_slot(answer: GateAnswer) -> str:
    scope = _SCOPES.get(answer.gate, answer.gate)
    used, cap = answer.figures.get("used"), answer.figures.get("cap")
    external = answer.figures.get("external")
    of_them = f", {external} of them external" if external else ""
    return f"{scope[0].upper()}{scope[1:]} has {_counted(used)} at once{of_them}, of at most {cap}."


def _not_due(answer: GateAnswer) -> str:
    return f"It is put off until {_moment(answer.next_at)}."


def _outside_hours(answer: GateAnswer) -> str:
    return f"Outside the calling hours: they begin at {_moment(answer.next_at)}."


def _after_webhook(answer: GateAnswer) -> str:
    until = _moment(answer.next_at)
    return f"The webhook of the batch has not taken its last call: it goes on at {until}."


def _capped_today(answer: GateAnswer) -> str:
    used, cap = answer.figures["used"], answer.figures["cap"]
    until = _moment(answer.next_at)
    have = "has" if used == 1 else "have"
    return f"{_counted(used)} {have} been dialled today, of at most {cap}: it goes on at {until}."


def _paced(answer: GateAnswer) -> str:
    left, until = answer.figures["left_today"], _moment(answer.next_at)
    are = "is" if left == 1 else "are"
    return f"{_counted(left)} {are} spread over the rest of the day: the next goes out at {until}."


def _throttled(answer: GateAnswer) -> str:
    used, seconds = answer.figures["used"], answer.figures["window_seconds"]
    until = _moment(answer.next_at)
    gone = f"{_counted(used)} go in {seconds} s"
    return f"The throttle has let {gone}: there is room again at {until}."


def _at_rate(answer: GateAnswer) -> str:
    used, seconds = answer.figures["used"], answer.figures["window_ms"] / 1000
    until = _moment(answer.next_at)
    return (
        f"The carrier account takes {_counted(used)} in {seconds:g} s: "
        f"there is room again at {until}."
    )


def _asked_to_wait(answer: GateAnswer) -> str:
    return f"The carrier has asked us to wait until {_moment(answer.next_at)}."


def _failing(answer: GateAnswer) -> str:
    failures, until = answer.figures["failures"], _moment(answer.next_at)
    return (
        f"The last {failures} requests to the carrier account have failed: one call tries it "
        f"again at {until}."
    )


def _refused_numbers(answer: GateAnswer) -> str:
    until = _moment(answer.next_at)
    return f"The carrier refuses each number to call from: one is tried again at {until}."


def _refused_number(answer: GateAnswer) -> str:
    until = _moment(answer.next_at)
    return f"The carrier refuses the number to be shown: it is tried again at {until}."


def _in_a_call(answer: GateAnswer) -> str:
    seconds = answer.figures["min_gap_seconds"]
    return f"The number is in a call: the next may go {seconds} s after its end."


def _rests(answer: GateAnswer) -> str:
    seconds = answer.figures["min_gap_seconds"]
    until = _moment(answer.next_at)
    return f"The last call to the number ended less than {seconds} s ago: it rests until {until}."


def _called_enough(answer: GateAnswer) -> str:
    used, cap = answer.figures["used"], answer.figures["cap"]
    until = _moment(answer.next_at)
    times = _counted(used, "time")
    return f"The number was called {times} today, of at most {cap}: again from {until} on."


def _numbers_full(answer: GateAnswer) -> str:
    used, cap = answer.figures["used"], answer.figures["cap"]
    return f"The numbers to call from show {_counted(used)} at once, of at most {cap}."


def _number_full(answer: GateAnswer) -> str:
    used, cap = answer.figures["used"], answer.figures["cap"]
    return f"The number to be shown has {_counted(used)} at once, of at most {cap}."


def _nobody_waits(answer: GateAnswer) -> str:
    return "Nobody is left to dial" + (" until a call ends." if answer.waits_for else ".")


def _all_claimed(answer: GateAnswer) -> str:
    return f"All who wait ({answer.figures['claimed']}) have a slot and are about to be sent."


def _put_off(answer: GateAnswer) -> str:
    return f"Nobody who waits may be dialled before {_moment(answer.next_at)}."


def _to_others(answer: GateAnswer) -> str:
    figures = answer.figures
    return (
        f"The account's free slots go to other batches first: they hold "
        f"{figures['held_by_others']} and get {figures['granted_to_others']}, this one holds "
        f"{figures['held']}."
    )


def _ahead(answer: GateAnswer) -> str:
    number, more = answer.figures["ahead"], answer.figures["more"]
    return f"{'More than ' if more else ''}{number:,} of the batch come before it."


def _behind(answer: GateAnswer) -> str:
    return f"{answer.figures['unsent']} claimed calls have not been sent yet."


def _stalled(answer: GateAnswer) -> str:
    seconds = answer.figures["last_claim_ms_ago"] // 1000
    return f"This server has not been able to claim for {seconds} s: see its log."


_OF_FIGURES: Final[Mapping[str, Callable[[GateAnswer], str]]] = {
    "BATCH_SCHEDULED": _opens,
    "WINDOW_NOT_OPEN": _opens,
    "NO_FREE_SLOT": _no_free_slot,
    "NOT_DUE": _not_due,
    "NUMBERS_FULL": _numbers_full,
    "NUMBER_FULL": _number_full,
    "NOBODY_WAITS": _nobody_waits,
    "ALL_CLAIMED": _all_claimed,
    "ROWS_PUT_OFF": _put_off,
    "OUTSIDE_CALLING_HOURS": _outside_hours,
    "DAILY_CAP_REACHED": _capped_today,
    "WEBHOOK_FAILED": _after_webhook,
    "NEXT_SLOT_OF_DAY": _paced,
    "THROTTLED": _throttled,
    "CARRIER_RATE_REACHED": _at_rate,
    "CARRIER_ASKED_TO_WAIT": _asked_to_wait,
    "CARRIER_FAILING": _failing,
    "NUMBERS_REFUSED": _refused_numbers,
    "NUMBER_REFUSED": _refused_number,
    "NUMBER_IN_A_CALL": _in_a_call,
    "NUMBER_RESTS": _rests,
    "NUMBER_CALLED_ENOUGH": _called_enough,
    "SLOTS_GO_TO_OTHERS": _to_others,
    "ROWS_AHEAD": _ahead,
    "DIALLER_BEHIND": _behind,
    "CLAIMS_STALLED": _stalled,
}


def sentence(answer: GateAnswer) -> str:
    """Empty for a gate that is open."""
    if answer.is_open:
        return ""
    if answer.reason in _FIXED:
        return _FIXED[answer.reason]
    if answer.reason in _OF_FIGURES:
        return _OF_FIGURES[answer.reason](answer)
    return _of_any(answer)


def batch_sentence(verdict: Verdict, standing: BatchStanding) -> str:
    if verdict.blocking is None:
        return f"It is being dialled: the next claim takes {standing.share.granted}."
    if verdict.blocking.reason == "BATCH_PAUSED" and standing.batch.state_reason:
        return _paused(standing.batch)
    return sentence(verdict.blocking) + _too_late(verdict)


def _too_late(verdict: Verdict) -> str:
    """What is in the way by the time at which the first gate opens."""
    return "" if verdict.too_late is None else f" By then: {sentence(verdict.too_late)}"


def _paused(batch: Batch) -> str:
    if batch.state_reason == "USER_REQUEST":
        return "The batch was paused by hand: resume it."
    because = " ".join(part for part in (batch.state_reason, batch.state_detail) if part)
    return f"The batch was paused ({because}): resume it once that is put right."


def row_sentence(verdict: Verdict, standing: RowStanding) -> str:
    row = standing.row
    if standing.lease_ends_at is not None:
        return "It has a slot and is about to be sent."
    if row.state is not ScheduledCallState.WAITING:
        return _doing(row)
    if verdict.blocking is None:
        return "It is among the next to be dialled."
    return sentence(verdict.blocking) + _too_late(verdict)


def _doing(row: ScheduledCall) -> str:
    state = row.state.name.replace("_", " ").lower()
    because = f" ({row.state_reason})" if row.state_reason else ""
    if row.ended_at is None:
        return f"It is {state}{because}: call {row.call_id}."
    return f"It ended {_moment(row.ended_at)}, {state}{because}."


def _of_any(answer: GateAnswer) -> str:
    words = (answer.reason or answer.gate).replace("_", " ").lower()
    figures = ", ".join(f"{name} {figure}" for name, figure in answer.figures.items())
    until = f" until {_moment(answer.next_at)}" if answer.next_at else ""
    return f"{words[0].upper()}{words[1:]}{until}{f' ({figures})' if figures else ''}."


def _moment(at: datetime | None) -> str:
    return "a moment not set" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
