"""The people of a new batch, one by one as they come in."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from outdial.v1.batch_service_pb2 import CreateBatchRequest
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from pydantic import ValidationError

from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.domain.limits import FIELD_VIOLATIONS_MAX
from outdial_server.gateway.asking import LongRequest
from outdial_server.gateway.speechify.shapes import RECIPIENTS_MAX, NewRecipient
from outdial_server.gateway.speechify.variables import fill_variables

_GROUP_ROWS: Final = 200

Fault = Mapping[str, Any]


def fault(place: Sequence[str | int], message: str, kind: str = "value_error") -> dict[str, Any]:
    return {"type": kind, "loc": ("body", *place), "msg": message, "input": None}


class NewRecipients:
    """Checks them and adds them to a request in groups."""

    def __init__(self, request: LongRequest[CreateBatchRequest]) -> None:
        self.faults: list[Fault] = []
        self.count = 0
        self._request = request
        self._group: list[ScheduledCall] = []

    def take(self, entry: object, place: Sequence[str | int]) -> None:
        """Raises RequestValidationError for one too many: what follows is not looked at."""
        self.count += 1
        if self.count > RECIPIENTS_MAX:
            raise RequestValidationError(
                [fault(place[:1], f"must not have more than {RECIPIENTS_MAX} entries")]
            )
        try:
            recipient = NewRecipient.model_validate(entry)
        except ValidationError as error:
            self._note(
                fault((*place, *one["loc"]), one["msg"], one["type"]) for one in error.errors()
            )
        else:
            self._add(recipient, place)

    def flush(self) -> None:
        self._request.add(CreateBatchRequest(scheduled_calls=self._group))
        self._group = []

    def _add(self, recipient: NewRecipient, place: Sequence[str | int]) -> None:
        row = ScheduledCall(address=recipient.phone, custom_id=recipient.custom_id or "")
        if recipient.variables:
            try:
                fill_variables(row.template_context, recipient.variables)
            except InvalidFieldsError:
                self._note([fault((*place, "dynamic_variables"), "are nested too deep")])
        self._group.append(row)
        if len(self._group) == _GROUP_ROWS:
            self.flush()

    def _note(self, faults: Iterable[Fault]) -> None:
        self.faults.extend(islice(faults, FIELD_VIOLATIONS_MAX - len(self.faults)))
