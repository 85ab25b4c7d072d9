"""Imports: a list of rows that comes as a stream, and what was found in it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum

from outdial_server.domain.ids import BatchId, ContactFolderId, ImportId


class BadRowPolicy(Enum):
    """What becomes of an import in which a row has a fault."""

    REJECT_ALL = "REJECT_ALL"
    SKIP = "SKIP"


class ImportState(IntEnum):
    """The numbers are stored. An import under way has none yet, and is shown to nobody."""

    ADDED = 1
    REFUSED = 2
    # Of contacts: all rows are there, and go into the folder in groups.
    ADDING = 3


class FindingKind(IntEnum):
    """The numbers are stored."""

    FAULT = 1
    DUPLICATE_SKIPPED = 2
    DUPLICATE_KEPT = 3
    DUPLICATE_REFUSED = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What there is to say about one row. `first_row_number` is that of the row of the same
    import that has the address too; 0 when the batch had it before."""

    row_number: int
    kind: FindingKind
    field: str
    description: str
    first_row_number: int = 0


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Each row was added, refused or skipped as a duplicate, or has updated a contact.
    `duplicates` counts all rows whose address was there already, whatever became of them."""

    rows: int = 0
    added: int = 0
    refused: int = 0
    duplicates: int = 0
    findings_truncated: bool = False
    # Contacts that were there before.
    updated: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    import_id: ImportId
    # None when a new batch was asked for and refused.
    batch_id: BatchId | None
    state: ImportState
    counts: ImportCounts
    created_at: datetime
    # Of contacts alone.
    contact_folder_id: ContactFolderId | None = None
