"""Which moves a batch call makes out of which status."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from outdial.v1 import batch_pb2

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.truedy.batch_shapes import BatchCallChange
from outdial_server.gateway.truedy.batch_writing import FIXED
from outdial_server.gateway.truedy.errors import WrongStatusError
from outdial_server.gateway.truedy.statuses import BatchStatus, batch_states, batch_status


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
    status = batch_status(batch.state)
    if status not in _RULES[verb].out_of:
        raise _wrong(verb, status)


def states_for(verb: str) -> Sequence[batch_pb2.BatchState.ValueType]:
    """What the batch must be in, for an RPC that looks itself."""
    return [state for status in _RULES[verb].out_of for state in batch_states(status)]


def wrong_status(verb: str, state_name: str) -> WrongStatusError:
    """`state_name` is the core's."""
    return _wrong(verb, batch_status(batch_pb2.BatchState.Value(f"BATCH_STATE_{state_name}")))


def _wrong(verb: str, status: BatchStatus) -> WrongStatusError:
    return WrongStatusError(verb, status, _RULES[verb].possible)


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
