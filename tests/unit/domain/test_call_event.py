"""What may be reported of a call, and how its parts come together."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.call import Disposition
from outdial_server.domain.call_event import CallEvent, Joined, Over, check_call_event
from outdial_server.domain.checks import Checks
from outdial_server.domain.conversation import (
    CollectedValue,
    Conversation,
    Evaluation,
    Speaker,
    Utterance,
)
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import ReportKind

_TEXTS = st.text(alphabet="ab", max_size=2)
_CONVERSATIONS = st.builds(
    Conversation,
    st.none() | st.timedeltas(timedelta(0), timedelta(hours=1)),
    _TEXTS,
    _TEXTS,
    st.lists(st.builds(Utterance, st.sampled_from(Speaker), _TEXTS), max_size=2).map(tuple),
    st.lists(st.builds(Evaluation, _TEXTS, _TEXTS, st.booleans()), max_size=2).map(tuple),
    st.lists(st.builds(CollectedValue, _TEXTS, _TEXTS), max_size=2).map(tuple),
)


@given(_CONVERSATIONS, _CONVERSATIONS)
def test_what_is_said_later_stands_and_said_twice_changes_nothing(
    before: Conversation, later: Conversation
) -> None:
    told = before.told_anew(later)
    assert told.told_anew(later) == told
    assert later.told_anew(later) == later
    assert before.told_anew(Conversation()) == before
    assert told.summary == (later.summary or before.summary)
    assert told.text_bytes <= before.text_bytes + later.text_bytes


def faults(event: CallEvent) -> list[str]:
    checks = Checks()
    check_call_event(checks, event)
    return [violation.field for violation in checks.violations]


def of(**parts: object) -> CallEvent:
    return CallEvent(None, Conversation(**parts))  # type: ignore[arg-type]


SAID = Utterance(Speaker.AGENT, "Hi")
MET = Evaluation("", "polite", passed=True)
DAY = CollectedValue("", "day")


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (CallEvent(), "event"),
        (CallEvent(Over(Disposition.UNKNOWN)), "ended.disposition"),
        (CallEvent(Over(Disposition.PRESUMED_ENDED)), "ended.disposition"),
        (CallEvent(Over(reason="x" * 129)), "ended.reason"),
        (of(duration=timedelta(seconds=-1)), "conversation.duration"),
        (of(duration=timedelta(hours=25)), "conversation.duration"),
        (of(summary="x" * 10_001), "conversation.summary"),
        (of(summary="\0"), "conversation.summary"),
        (of(recording_url="x" * 2_049), "conversation.recording_url"),
        (of(utterances=(SAID,) * 5_001), "conversation.utterances"),
        (of(utterances=(SAID, replace(SAID, text=" "))), "conversation.utterances[1].text"),
        (
            of(utterances=(replace(SAID, offset=timedelta(seconds=-1)),)),
            "conversation.utterances[0].offset",
        ),
        (of(evaluations=(MET,) * 101), "conversation.evaluations"),
        (of(evaluations=(replace(MET, name=""),)), "conversation.evaluations[0].name"),
        (
            of(evaluations=(replace(MET, evaluation_id="x" * 129),)),
            "conversation.evaluations[0].id",
        ),
        (
            of(evaluations=(replace(MET, rationale="x" * 2_049),)),
            "conversation.evaluations[0].rationale",
        ),
        (of(collected=(DAY,) * 101), "conversation.collected"),
        (of(collected=(replace(DAY, name="x" * 129),)), "conversation.collected[0].name"),
        (
            of(collected=(replace(DAY, value_json='"' + "x" * 4_096 + '"'),)),
            "conversation.collected[0].value",
        ),
        (of(utterances=(replace(SAID, text="x" * 16_384),) * 17), "conversation"),
    ],
)
def test_each_fault_of_a_report_names_its_field(event: CallEvent, field: str) -> None:
    assert faults(event) == [field]


def test_a_report_at_its_bounds_is_taken() -> None:
    told = Conversation(
        limits.CALL_DURATION_MAX,
        "x" * limits.CONVERSATION_SUMMARY_MAX_CHARS,
        "x" * limits.CONVERSATION_URL_MAX_CHARS,
        (SAID,) * limits.UTTERANCES_MAX,
        (MET,) * limits.CONVERSATION_FINDINGS_MAX,
        (DAY,) * limits.CONVERSATION_FINDINGS_MAX,
    )
    assert faults(CallEvent(Over(Disposition.UNJOINED, "x" * 128), told)) == []


def test_what_happened_is_a_report_and_what_was_said_is_none() -> None:
    call_id = CallId("c")
    joined = CallEvent(Joined()).report_of(call_id)
    machine = CallEvent(Joined(by_machine=True)).report_of(call_id)
    over = CallEvent(Over(Disposition.BUSY, "line busy")).report_of(call_id)
    assert joined is not None and machine is not None and over is not None  # noqa: PT018
    assert (joined.kind, joined.disposition) == (ReportKind.ANSWERED, None)
    assert (machine.kind, machine.disposition) == (
        ReportKind.ANSWERED,
        Disposition.ANSWERED_MACHINE,
    )
    assert (over.kind, over.disposition, over.reason, over.fence) == (
        ReportKind.ENDED,
        Disposition.BUSY,
        "line busy",
        None,
    )
    assert CallEvent(None, Conversation(summary="Hi")).report_of(call_id) is None
