"""Conversations as JSON. Their names are those of the domain, and stay."""

from datetime import timedelta
from typing import Any

import orjson

from outdial_server.domain.conversation import (
    CollectedValue,
    Conversation,
    Evaluation,
    Speaker,
    Utterance,
)


def conversation_json(told: Conversation) -> str:
    return orjson.dumps(
        {
            "duration_us": _us(told.duration),
            "summary": told.summary,
            "recording_url": told.recording_url,
            "utterances": [[int(u.speaker), u.text, _us(u.offset)] for u in told.utterances],
            "evaluations": [
                [e.evaluation_id, e.name, e.passed, e.rationale] for e in told.evaluations
            ],
            "collected": [[c.value_id, c.name, c.value_json] for c in told.collected],
        }
    ).decode()


def conversation_from(text: str) -> Conversation:
    told: dict[str, Any] = orjson.loads(text)
    return Conversation(
        _length(told["duration_us"]),
        told["summary"],
        told["recording_url"],
        tuple(Utterance(Speaker(u[0]), u[1], _length(u[2])) for u in told["utterances"]),
        tuple(Evaluation(*e) for e in told["evaluations"]),
        tuple(CollectedValue(*c) for c in told["collected"]),
    )


def _us(length: timedelta | None) -> int | None:
    return None if length is None else length // timedelta(microseconds=1)


def _length(us: int | None) -> timedelta | None:
    return None if us is None else timedelta(microseconds=us)
