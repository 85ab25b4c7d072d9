"""Folders of contacts."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, ContactFolderId


@dataclass(frozen=True, slots=True)
class ContactFolderFields:
    """What a client may write of a folder."""

    display_name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ContactFolder:
    contact_folder_id: ContactFolderId
    account_id: AccountId
    fields: ContactFolderFields
    contact_count: int
    revision: int
    created_at: datetime
    updated_at: datetime


class FolderSort(Enum):
    """What folders are listed by; the values are what clients say."""

    CREATE_TIME = "create_time"
    DISPLAY_NAME = "display_name"
    CONTACT_COUNT = "contact_count"


@dataclass(frozen=True, slots=True)
class FolderOrder:
    sort: FolderSort = FolderSort.CREATE_TIME
    descending: bool = False


_DESCENDING: Final = " desc"


def folder_order(text: str) -> FolderOrder:
    """Empty is the default order. Raises InvalidFieldsError."""
    if not text:
        return FolderOrder()
    try:
        return FolderOrder(FolderSort(text.removesuffix(_DESCENDING)), text.endswith(_DESCENDING))
    except ValueError:
        names = ", ".join(sort.value for sort in FolderSort)
        raise invalid_field("order_by", f"must be one of {names}, or one with ' desc'") from None


def check_contact_folder(checks: Checks, fields: ContactFolderFields) -> None:
    checks.text("display_name", fields.display_name, limits.FOLDER_NAME_MAX_CHARS, least=1)
    checks.text("description", fields.description, limits.FOLDER_DESCRIPTION_MAX_CHARS)
