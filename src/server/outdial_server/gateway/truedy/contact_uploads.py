"""Lists of contacts as they are sent: as a file, or in JSON."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Annotated, Any, Final

from outdial.v1 import import_pb2
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile

from outdial_client.files import ContactColumns, CsvFileError, ImportRows, contacts_in
from outdial_server.domain.errors import InvalidFieldsError, invalid_field
from outdial_server.gateway.truedy.contact_shapes import NewContact
from outdial_server.gateway.truedy.contacts import write

Rows = AsyncGenerator[Sequence[Any], None]
"""In slices of some hundreds."""

Upload = Callable[[], Rows]
"""They may be read more than once."""

_SLICE_ROWS: Final = 300
_FAULTS_MOST: Final = 16
_BOOL: Final = TypeAdapter(bool)
_CONTACT: Final = TypeAdapter(NewContact)

_COLUMNS: Final[Mapping[str, str]] = {
    "phone": "phone",
    "phone_number": "phone",
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "company_name": "company_name",
    "industry": "industry",
    "location": "location",
    "pin_code": "postal_code",
    "keywords": "keywords",
}
"""Fields of `mapping_config`, and what a column of a file is called by."""


class ImportInJson(BaseModel):
    """One of `base64_file` and `contacts`."""

    model_config = ConfigDict(strict=True)

    folder_id: str
    base64_file: str | None = Field(None, description="CSV")
    filename: str | None = None
    mapping_config: dict[str, str] | None = Field(
        None, description="The field that each column of the file is."
    )
    contacts: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None


def upload_in_form(form: FormData) -> Upload:
    """Raises InvalidFieldsError."""
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise invalid_field("file", "Field required")
    return partial(_rows_of_file, contacts_in(file.file, ContactColumns()), "file")


def flag_in_form(form: FormData, name: str) -> bool:
    """False where it is not said. Raises InvalidFieldsError."""
    try:
        return _BOOL.validate_python(form.get(name, "false"))
    except ValidationError:
        raise invalid_field(name, "must be true or false") from None


def upload_in_json(asked: ImportInJson) -> Upload:
    """Raises InvalidFieldsError."""
    if asked.contacts is not None:
        return partial(_rows_of_objects, asked.contacts)
    if asked.base64_file is None:
        raise invalid_field("base64_file", "or contacts is required")
    try:
        content = b64decode(asked.base64_file, validate=True)
    except (Base64Error, ValueError):
        raise invalid_field("base64_file", "must be base64") from None
    columns = _columns(asked.mapping_config or {})
    return partial(_rows_of_file, contacts_in(BytesIO(content), columns), "base64_file")


async def phones_in(upload: Upload, numbers: Collection[int]) -> Mapping[int, str]:
    """What stands in the rows of these numbers where a phone number should, if anything does. They
    are read once more, so that nobody has to keep those of all rows."""
    left, phones = set(numbers), dict[int, str]()
    async with aclosing(upload()) as rows:
        async for piece in rows:
            for row in piece:
                if row.row_number in left:
                    left.remove(row.row_number)
                    phones[row.row_number] = row.contact.address
            if not left:
                break
    return phones


def _columns(mapping: Mapping[str, str]) -> ContactColumns:
    named = dict[str, str]()
    for column, field in mapping.items():
        if field not in _COLUMNS:
            known = ", ".join(_COLUMNS)
            raise invalid_field(f"mapping_config.{column}", f"must be one of {known}")
        named[_COLUMNS[field]] = column
    return ContactColumns(**named)


async def _rows_of_file(file: ImportRows, field: str) -> Rows:
    try:
        async with aclosing(file.slices()) as slices:
            async for piece in slices:
                yield piece.rows
    except CsvFileError as error:
        raise invalid_field(field, error.reason) from None


async def _rows_of_objects(contacts: Sequence[dict[str, Any]]) -> Rows:
    """Numbered from 1."""
    for start in range(0, len(contacts), _SLICE_ROWS):
        piece = contacts[start : start + _SLICE_ROWS]
        yield [_row(start + place, told) for place, told in enumerate(piece, 1)]


def _row(number: int, told: dict[str, Any]) -> import_pb2.ContactImportRow:
    row = import_pb2.ContactImportRow(row_number=number)
    phone = told.get("phone_number")
    if isinstance(phone, str):
        row.contact.address = phone
    try:
        asked = _CONTACT.validate_python(told)
        write(row.contact, asked)
    except ValidationError as error:
        faults = ((str(each["loc"][0]), str(each["msg"])) for each in error.errors())
        row.faults.extend(_faults(faults))
    except InvalidFieldsError as error:
        row.faults.extend(_faults((each.field, each.description) for each in error.violations))
    return row


def _faults(told: Iterable[tuple[str, str]]) -> Iterator[import_pb2.ImportRowFault]:
    for field, reason in islice(told, _FAULTS_MOST):
        yield import_pb2.ImportRowFault(field=field, description=reason)
