"""What was said in a call, as the voice agent platform reports it. Kept, and never looked at."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum


class Speaker(IntEnum):
    """The numbers are stored."""

    AGENT = 1
    PERSON = 2


@dataclass(frozen=True, slots=True)
class Utterance:
    speaker: Speaker
    text: str
    # From the moment at which the call was joined; None where it is not known.
    offset: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Whether a call met one of the platform's aims."""

    evaluation_id: str
    name: str
    passed: bool
    rationale: str = ""


@dataclass(frozen=True, slots=True)
class CollectedValue:
    """A value that was picked up in a call."""

    value_id: str
    name: str
    # Any JSON; `null` where nothing was found.
    value_json: str = "null"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Whatever is empty was not reported."""

    duration: timedelta | None = None
    summary: str = ""
    recording_url: str = ""
    utterances: tuple[Utterance, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    collected: tuple[CollectedValue, ...] = ()

    @property
    def text_bytes(self) -> int:
        """How much there is to keep."""
        spoken = sum(len(u.text.encode()) for u in self.utterances)
        judged = sum(len(e.name.encode()) + len(e.rationale.encode()) for e in self.evaluations)
        collected = sum(len(c.name.encode()) + len(c.value_json.encode()) for c in self.collected)
        return spoken + judged + collected + len(self.summary.encode())

    def told_anew(self, later: "Conversation") -> "Conversation":
        """With what `later` says in place of what was said before, part by part: transcripts,
        summaries and evaluations are ready at different times."""
        return Conversation(
            self.duration if later.duration is None else later.duration,
            later.summary or self.summary,
            later.recording_url or self.recording_url,
            later.utterances or self.utterances,
            later.evaluations or self.evaluations,
            later.collected or self.collected,
        )
