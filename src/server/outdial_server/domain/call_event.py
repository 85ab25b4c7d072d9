"""What another system reports of a call: the voice agent platform that holds it, or the
telephony that has placed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from outdial_server.domain import limits
from outdial_server.domain.call import Disposition
from outdial_server.domain.checks import Checks, json_fault
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind

_CAUSE: Final = "CALL_REPORT"

_OWN_WORDS: Final = frozenset({Disposition.PRESUMED_ENDED, Disposition.UNKNOWN})
"""What the scheduler says where nobody reports anything."""

_NO_TIME: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody or something is on the line."""

    by_machine: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """The call has ended; without a disposition by whether it was joined."""

    disposition: Disposition | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One request: something happened, something was said, or both."""

    happened: Joined | Over | None = None
    conversation: Conversation | None = None

    def report_of(self, call_id: CallId) -> CallReport | None:
        """What it does to the call, if anything."""
        match self.happened:
            case Joined(by_machine):
                heard = Disposition.ANSWERED_MACHINE if by_machine else None
                return CallReport(call_id, ReportKind.ANSWERED, disposition=heard, cause=_CAUSE)
            case Over(disposition, reason):
                return CallReport(
                    call_id,
                    ReportKind.ENDED,
                    disposition=disposition,
                    reason=reason,
                    cause=_CAUSE,
                )
            case None:
                return None


def refuse_unsent(sent_at: datetime | None) -> None:
    """For a direct call that waits, or was called off while it did. Raises PreconditionError
    (CALL_NOT_SENT)."""
    if sent_at is None:
        raise PreconditionError(Reason.CALL_NOT_SENT, "the call has not been dialled")


def refuse_erased() -> NoReturn:
    """Raises PreconditionError (CALL_PAYLOAD_ERASED)."""
    raise PreconditionError(
        Reason.CALL_PAYLOAD_ERASED, "what was said in the call is not kept any more"
    )


def refuse_too_much(told: Conversation) -> None:
    """Of all that was reported. Raises InvalidFieldsError."""
    checks = Checks()
    _check_size(checks, told)
    checks.raise_if_any()


def check_call_event(checks: Checks, event: CallEvent) -> None:
    if event.happened is None and event.conversation is None:
        checks.fault("event", "is required, unless there is a conversation")
    if isinstance(event.happened, Over):
        _check_over(checks, event.happened)
    if event.conversation is not None:
        _check_conversation(checks, event.conversation)


def _check_over(checks: Checks, over: Over) -> None:
    checks.text("ended.reason", over.reason, limits.CALL_REASON_MAX_CHARS)
    if over.disposition in _OWN_WORDS:
        checks.fault("ended.disposition", f"{over.disposition.name} is not for reports")


def _check_size(checks: Checks, told: Conversation) -> None:
    if told.text_bytes > limits.CONVERSATION_MAX_BYTES:
        most = limits.CONVERSATION_MAX_BYTES // 1024
        checks.fault("conversation", f"must not have more than {most} KiB of text")


def _check_conversation(outer: Checks, told: Conversation) -> None:
    _check_size(outer, told)
    checks = Checks("conversation.", outer.violations)
    if told.duration is not None:
        _check_length(checks, "duration", told.duration)
    checks.text("summary", told.summary, limits.CONVERSATION_SUMMARY_MAX_CHARS)
    checks.text("recording_url", told.recording_url, limits.CONVERSATION_URL_MAX_CHARS)
    if not _has_few(checks, told):
        return
    for index, utterance in enumerate(told.utterances):
        path = f"utterances[{index}]"
        checks.text(f"{path}.text", utterance.text, limits.UTTERANCE_MAX_CHARS, least=1)
        if utterance.offset is not None:
            _check_length(checks, f"{path}.offset", utterance.offset)
    for index, evaluation in enumerate(told.evaluations):
        path = f"evaluations[{index}]"
        _check_finding(checks, path, evaluation.evaluation_id, evaluation.name)
        checks.text(f"{path}.rationale", evaluation.rationale, limits.RATIONALE_MAX_CHARS)
    for index, value in enumerate(told.collected):
        path = f"collected[{index}]"
        _check_finding(checks, path, value.value_id, value.name)
        fault = json_fault(value.value_json, limits.COLLECTED_VALUE_MAX_BYTES)
        if fault:
            checks.fault(f"{path}.value", fault)


def _has_few(checks: Checks, told: Conversation) -> bool:
    parts: tuple[tuple[str, Sequence[object], int], ...] = (
        ("utterances", told.utterances, limits.UTTERANCES_MAX),
        ("evaluations", told.evaluations, limits.CONVERSATION_FINDINGS_MAX),
        ("collected", told.collected, limits.CONVERSATION_FINDINGS_MAX),
    )
    for name, items, most in parts:
        checks.at_most(name, len(items), most)
    return all(len(items) <= most for _, items, most in parts)


def _check_finding(checks: Checks, path: str, finding_id: str, name: str) -> None:
    checks.text(f"{path}.id", finding_id, limits.FINDING_NAME_MAX_CHARS)
    checks.text(f"{path}.name", name, limits.FINDING_NAME_MAX_CHARS, least=1)


def _check_length(checks: Checks, path: str, length: timedelta) -> None:
    if not _NO_TIME <= length <= limits.CALL_DURATION_MAX:
        most = limits.CALL_DURATION_MAX.total_seconds()
        checks.fault(path, f"must be from 0 s to {most:.0f} s")
