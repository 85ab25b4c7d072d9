"""The entries of a batch: how a list of them is read, and how they are shown."""

import re
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import AddScheduledCallsRequest, CreateBatchRequest
from outdial.v1.scheduled_call_pb2 import MEDIUM_OUTGOING, MEDIUM_WEBHOOK, ScheduledCall
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from outdial_server.domain.errors import FieldViolation
from outdial_server.gateway.asking import LongRequest
from outdial_server.gateway.ultravox.media import (
    CallMedium,
    Outgoing,
    SipOutgoing,
    address_of,
    made_up,
    shown,
)
from outdial_server.gateway.ultravox.models import Metadata, Plain, faults_of
from outdial_server.gateway.ultravox.paging import ListOf
from outdial_server.gateway.ultravox.statuses import Status, status_of
from outdial_server.gateway.ultravox.structs import object_of, ours_of

M = TypeVar("M", CreateBatchRequest, AddScheduledCallsRequest)

_FAULTS_MOST: Final = 50
_ROWS_OF_A_PART: Final = 200

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_BETWEEN_DIGITS: Final = re.compile(r"[\s().-]")

CARRIER: Final = "carrier"
"""What is kept of a batch: the medium of its first call that is dialled."""

NOBODY: Final = "webhook.invalid"
"""The host of those whom nobody dials: the scheduler needs an address that tells them apart, and
this API gives none."""


class NewScheduledCall(Plain):
    medium: CallMedium | None = None
    metadata: Metadata | None = None
    template_context: dict[str, Any] | None = None
    experimental_settings: Any = None


class ShownScheduledCall(Plain):
    """For the document."""

    status: Status
    batch_id: str
    call_id: str | None
    error: str | None
    medium: dict[str, Any] | None
    metadata: dict[str, str] | None
    template_context: dict[str, Any] | None
    experimental_settings: Any


class ScheduledCallList(ListOf):
    results: list[ShownScheduledCall]


class Entries(Generic[M]):
    """The list `calls` as it comes in, entry by entry."""

    def __init__(
        self,
        kind: type[M],
        usual: CallMedium | None,
        tag: str,
        configs: Mapping[str, str],
        carrier: str = "",
    ) -> None:
        """`usual` is the medium of entries that name none, `tag` a text that no other list
        has, `carrier` that of the batch they go into; without one the first decides. Those of
        others are dialled with what `configs` has of them."""
        self.request: LongRequest[M] = LongRequest(kind)
        self.count = 0
        # Where each is named first.
        self.carriers: dict[str, int] = {}
        self.first_for_webhook: int | None = None
        self._kind: type[M] = kind
        self._usual = usual
        self._tag = tag
        self._configs = configs
        self._carrier = carrier
        self._faults: list[FieldViolation] = []
        self._part: list[ScheduledCall] = []

    def take(self, index: int, entry: Any) -> None:
        if len(self._faults) >= _FAULTS_MOST:
            return
        try:
            self._part.append(self._row(index, entry, NewScheduledCall.model_validate(entry)))
        except ValidationError as error:
            self._faults += faults_of(error.errors(), f"calls[{index}]")
        except PydanticCustomError as error:
            self._faults.append(FieldViolation(f"calls[{index}].medium", error.message()))
        if len(self._part) == _ROWS_OF_A_PART:
            self._flush()

    def finish(self, count: int) -> list[FieldViolation]:
        """Behind the last of `count`: the first faults of them all."""
        self.count = count
        if count == 0:
            return [FieldViolation("calls", "This list may not be empty.")]
        self._flush()
        return self._faults

    def _flush(self) -> None:
        self.request.add(self._kind(scheduled_calls=self._part))
        self._part.clear()

    def _row(self, index: int, entry: Any, said: NewScheduledCall) -> ScheduledCall:
        medium = said.medium or self._usual
        row = ScheduledCall(metadata=said.metadata or {})
        kept: dict[str, Any] = {}
        if medium is not None and medium.is_incoming:
            raise PydanticCustomError("medium", "Nobody is called by sip.incoming.")
        dialled = None if medium is None else medium.dialled
        if dialled is None:
            self._leave_to_webhook(row, index)
        else:
            self._dial(row, index, *dialled)
        if not _is_read_back(row, said.medium, dialled, self._usual_carrier):
            kept["medium"] = shown(entry.get("medium"))
        if said.experimental_settings is not None:
            kept["experimentalSettings"] = said.experimental_settings
        if said.template_context:
            row.template_context.update(said.template_context)
        if kept:
            row.annotations.update(kept)
        return row

    @property
    def _usual_carrier(self) -> str:
        """That of the batch."""
        return self._carrier or next(iter(self.carriers), "")

    def _leave_to_webhook(self, row: ScheduledCall, index: int) -> None:
        if self.first_for_webhook is None:
            self.first_for_webhook = index
        row.medium = MEDIUM_WEBHOOK
        row.address = f"sip:{self._tag}-{index}@{NOBODY}"

    def _dial(
        self, row: ScheduledCall, index: int, carrier: str, outgoing: Outgoing | SipOutgoing
    ) -> None:
        self.carriers.setdefault(carrier, index)
        if carrier != self._usual_carrier:
            row.carrier_config = self._configs.get(carrier, "")
            # Of a batch whose people somebody else calls, too.
            row.medium = MEDIUM_OUTGOING if row.carrier_config else row.medium
        row.address = address_of(carrier, outgoing.to)
        row.caller_id = number_or_none(outgoing.from_) or ""
        params = None if isinstance(outgoing, SipOutgoing) else outgoing.additional_params
        if params:
            row.carrier_params.update(params)


def number_or_none(text: str | None) -> str | None:
    """A caller ID. What else may be said as `from` is kept, and nobody is shown it."""
    number = _BETWEEN_DIGITS.sub("", text or "")
    return number if _NUMBER.fullmatch(number) else None


def _is_read_back(
    row: ScheduledCall,
    given: CallMedium | None,
    dialled: tuple[str, Outgoing | SipOutgoing] | None,
    usual_carrier: str,
) -> bool:
    """Whether the medium as it was given can be told from the row."""
    if given is None or dialled is None:
        return given is None and dialled is None
    carrier, outgoing = dialled
    return (
        carrier == usual_carrier
        and outgoing.to == row.address
        and _NUMBER.fullmatch(outgoing.to) is not None
        and outgoing.from_ == (row.caller_id or None)
        and outgoing.model_fields_set <= {"to", "from_"}
        and getattr(given, carrier).model_fields_set == {"outgoing"}
        and given.model_fields_set == {carrier}
    )


def carrier_shown(batch: Batch) -> str:
    """By whose name the media of its calls go that were not kept as they were given."""
    told: str = ours_of(batch).get(CARRIER, batch.carrier)
    return told


def scheduled_call(row: ScheduledCall, batch: Batch) -> dict[str, Any]:
    kept = object_of(row.annotations)
    status = status_of(row)
    return {
        "status": status,
        "batchId": row.batch_id,
        "callId": row.call_id or None,
        "error": (row.state_reason or "FAILED") if status == "ERROR" else None,
        "medium": _medium_of(row, batch, kept),
        "metadata": dict(row.metadata) or None,
        "templateContext": object_of(row.template_context) or None,
        "experimentalSettings": kept.get("experimentalSettings"),
    }


def _medium_of(row: ScheduledCall, batch: Batch, kept: Mapping[str, Any]) -> Any:
    if "medium" in kept:
        return kept["medium"]
    if (row.medium or batch.medium) == MEDIUM_WEBHOOK:
        return None
    params = object_of(row.carrier_params)
    return made_up(carrier_shown(batch), row.address, row.caller_id, params)
