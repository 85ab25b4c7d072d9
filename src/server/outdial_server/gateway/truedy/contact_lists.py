"""Bodies with a long list of contacts, read as they come in."""

from typing import Any, Final, Generic, TypeVar

from fastapi.exceptions import RequestValidationError
from google.protobuf.message import Message
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import LongRequest
from outdial_server.gateway.json_stream import LongList, read_object
from outdial_server.gateway.truedy.batch_shapes import NewBatchContact
from outdial_server.gateway.truedy.batch_writing import new_row

M = TypeVar("M", bound=Message)

LIST: Final = "contacts"
_ROWS_A_PART: Final = 300
_FAULTS_MOST: Final = 50
_CONTACT: Final = TypeAdapter(NewBatchContact)


class ContactList(Generic[M]):
    """The contacts of one body, on their way into a request of the core."""

    def __init__(self, kind: type[M]) -> None:
        """`kind` has them as `scheduled_calls`."""
        self.request = LongRequest(kind)
        self.count = 0
        self._kind: Any = kind
        self._rows: list[Any] = []
        self._faults: list[Any] = []

    async def read(self, request: Request) -> dict[str, Any]:
        """The rest of the body, with None where a list of contacts was. Raises
        InvalidFieldsError for what is no object, RequestValidationError for contacts."""
        body = await read_object(request.stream(), LIST, self._take)
        self._flush()
        found = body.get(LIST)
        if isinstance(found, LongList):
            body[LIST] = None
        elif found is not None:
            raise invalid_field(LIST, "must be a list")
        if self._faults:
            raise RequestValidationError(self._faults)
        return body

    def _take(self, index: int, entry: object) -> None:
        self.count = index + 1
        try:
            self._rows.append(new_row(_CONTACT.validate_python(entry)))
        except ValidationError as error:
            self._note(index, error)
        except (ValueError, OverflowError):
            self._fault(index, "custom_fields", "holds what cannot be kept")
        if len(self._rows) == _ROWS_A_PART:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self.request.add(self._kind(scheduled_calls=self._rows))
            self._rows = []

    def _note(self, index: int, error: ValidationError) -> None:
        if len(self._faults) < _FAULTS_MOST:
            self._faults += [
                {**fault, "loc": ("body", LIST, index, *fault["loc"])}
                for fault in error.errors(include_url=False, include_input=False)
            ]

    def _fault(self, index: int, field: str, message: str) -> None:
        if len(self._faults) < _FAULTS_MOST:
            place = ("body", LIST, index, field)
            self._faults.append({"loc": place, "msg": message, "type": "value_error"})
