"""Which moves a batch call makes out of which status."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from outdial.v1 import batch_pb2

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.truedy.batch_shapes import BatchCallChange
from outdial_server.gateway.truedy.batch_writing import FIXED
from outdial_server.gateway.truedy.errors import WrongStatusError
from outdial_server.gateway.truedy.statuses import BatchStatus, batch_status


class Rule(NamedTuple):
    out_of: tuple[BatchStatus, ...]
    possible: str


_RULES: Final[Mapping[str, Rule]] = {
    "schedule": Rule(("draft",), "only a draft can be scheduled"),
    "pause": Rule(("scheduled", "active"), "only a scheduled or active one can be paused"),
    "resume": Rule(("paused",), "only a paused one can be resumed"),
    "cancel": Rule(("draft", "scheduled", "active", "paused"), "it has ended"),
    "delete": Rule(
        ("draft", "completed", "failed", "cancelled"), "pause and cancel it, or wait for its end"
    ),
    "add contacts to": Rule(("draft",), "only a draft takes contacts"),
    "update": Rule(("draft", "scheduled", "paused"), "only a draft can be changed"),
}

_PACING: Final = frozenset(
    {"scheduled_at", "start_time", "end_time", "working_days", "max_calls_per_day"}
)
"""What may be changed between drafting and the end of dialling."""


def check_status(verb: str, batch: batch_pb2.Batch) -> None:
    """Raises WrongStatusError."""
    rule, status = _RULES[verb], batch_status(batch.state)
    if status not in rule.out_of:
        raise WrongStatusError(verb, status, rule.possible)


def check_change(batch: batch_pb2.Batch, asked: BatchCallChange) -> None:
    """Raises WrongStatusError, and InvalidFieldsError for what never changes."""
    check_status("update", batch)
    for name in FIXED:
        if name in (asked.model_extra or {}):
            raise invalid_field(name, "cannot be changed")
    said = asked.model_fields_set & BatchCallChange.model_fields.keys()
    if batch.state != batch_pb2.BATCH_STATE_DRAFT and said - _PACING:
        raise WrongStatusError(
            "update", batch_status(batch.state), f"only {', '.join(sorted(_PACING))} can be changed"
        )
