"""Contacts and their folders as they are asked for and told."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from outdial_server.gateway.truedy.batch_shapes import PhoneNumber

CallOutcome = Literal[
    "contacted", "voicemail", "no_answer", "escalated", "interested", "not_interested"
]
FolderSort = Literal["name", "created_at", "contact_count"]
Order = Literal["asc", "desc"]

PersonName = Annotated[str, Field(max_length=100)]
ShortText = Annotated[str, Field(max_length=200)]

_STRICT = ConfigDict(strict=True)


class NewFolder(BaseModel):
    model_config = _STRICT

    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=500)] | None = None


class Folder(BaseModel):
    id: str
    name: str
    description: str | None
    contact_count: int
    created_at: datetime
    updated_at: datetime


class ContactFields(BaseModel):
    model_config = _STRICT

    first_name: PersonName | None = None
    last_name: PersonName | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    company_name: ShortText | None = None
    industry: ShortText | None = None
    location: ShortText | None = None
    pin_code: ShortText | None = None
    keywords: str | list[str] | None = Field(None, description="A text has commas in between.")
    metadata: dict[str, Any] | None = Field(None, description="The same as `custom_fields`.")
    custom_fields: dict[str, Any] | None = Field(
        None, description="Values for agents' placeholders, beside the fields above."
    )


class NewContact(ContactFields):
    phone_number: PhoneNumber
    folder_id: str | None = Field(None, description="Without it: the default folder.")


class ContactChange(ContactFields):
    # What cannot be changed is refused by its name.
    model_config = ConfigDict(strict=True, extra="allow")

    phone_number: PhoneNumber = ""


class Contact(BaseModel):
    id: str
    name: str | None
    first_name: str | None
    last_name: str | None
    phone: str
    phone_number: str
    email: str | None
    folder_id: str
    company_name: str | None
    industry: str | None
    location: str | None
    pin_code: str | None
    keywords: list[str]
    metadata: dict[str, Any]
    custom_fields: dict[str, Any]
    call_count: int
    last_called_at: datetime | None
    last_call_outcome: CallOutcome | None
    created_at: datetime
    updated_at: datetime


class Deleted(BaseModel):
    id: str
    deleted: Literal[True] = True
