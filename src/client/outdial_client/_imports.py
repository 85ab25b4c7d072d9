"""What an import tells: how far it is, what came of it, what was wrong with whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsResponse
from outdial.v1.contact_pb2 import ContactFolder
from outdial.v1.contact_service_pb2 import ImportContactsResponse
from outdial.v1.import_pb2 import FindingKind
from outdial.v1.import_pb2 import ImportFinding as FindingMessage

_DUPLICATES = {
    FindingKind.FINDING_KIND_DUPLICATE_SKIPPED,
    FindingKind.FINDING_KIND_DUPLICATE_KEPT,
    FindingKind.FINDING_KIND_DUPLICATE_REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """How far an import is."""

    rows_sent: int
    """Rows that the server has taken so far, good and bad."""
    bytes_read: int = 0
    """Of a file."""
    bytes_total: int | None = None
    """Size of the file; None where it cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What came of an import. Each of its rows was added, refused or skipped."""

    import_id: str
    """For `batches.import_findings`."""
    batch: Batch
    """The batch with the new rows in it."""
    row_count: int
    added_count: int
    refused_count: int
    """Rows with a fault, left out by BAD_ROW_POLICY_SKIP."""
    duplicate_count: int
    """Rows whose address was there already, whatever became of them."""
    findings_truncated: bool
    """Whether there was more to say than is kept: the findings end after 100,000."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The column of the file that each field came from, for example `address` from `phone`."""

    @property
    def skipped_count(self) -> int:
        """Duplicates that were left out."""
        return self.row_count - self.added_count - self.refused_count


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactImportResult:
    """What came of an import of contacts. Each row was added, updated, refused or skipped."""

    import_id: str
    """For `batches.import_findings`."""
    folder: ContactFolder
    """The folder with the contacts in it."""
    row_count: int
    added_count: int
    updated_count: int
    """Contacts that were there, and were overwritten."""
    refused_count: int
    """Rows with a fault, left out by BAD_ROW_POLICY_SKIP."""
    duplicate_count: int
    """Rows whose address was there already, whatever became of them."""
    findings_truncated: bool
    """Whether there was more to say than is kept: the findings end after 100,000."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The column of the file that each field came from, for example `address` from `phone`."""

    @property
    def skipped_count(self) -> int:
        """Duplicates that were left out."""
        return self.row_count - self.added_count - self.updated_count - self.refused_count


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFinding:
    """What an import has to say about one row; a row with two faults has two."""

    row_number: int
    """Of a CSV file the line on which the row starts; else the row's place, from 1."""
    kind: FindingKind.ValueType
    field: str
    """Of ScheduledCall, for example `address`; empty when it is about the whole row."""
    column: str
    """Of the file; the same as `field` where there is no file."""
    reason: str
    first_row_number: int = 0
    """For a duplicate: the row that has the address too; 0 when the batch had it before."""

    @property
    def is_added(self) -> bool:
        """Whether the row is in the batch all the same."""
        return self.kind == FindingKind.FINDING_KIND_DUPLICATE_KEPT


def to_result(response: ImportScheduledCallsResponse, columns: Mapping[str, str]) -> ImportResult:
    """The answer to an import."""
    told = getattr(response, "import")
    return ImportResult(
        import_id=told.import_id,
        batch=response.batch,
        row_count=told.row_count,
        added_count=told.added_count,
        refused_count=told.refused_count,
        duplicate_count=told.duplicate_count,
        findings_truncated=told.findings_truncated,
        columns=columns,
    )


def to_contact_result(
    response: ImportContactsResponse, columns: Mapping[str, str]
) -> ContactImportResult:
    """The answer to an import of contacts."""
    told = getattr(response, "import")
    return ContactImportResult(
        import_id=told.import_id,
        folder=response.contact_folder,
        row_count=told.row_count,
        added_count=told.added_count,
        updated_count=told.updated_count,
        refused_count=told.refused_count,
        duplicate_count=told.duplicate_count,
        findings_truncated=told.findings_truncated,
        columns=columns,
    )


def to_finding(message: FindingMessage, columns: Mapping[str, str]) -> ImportFinding:
    """A finding in the words of the file."""
    return ImportFinding(
        row_number=message.row_number,
        kind=message.kind,
        field=message.field,
        column=columns.get(message.field, message.field),
        reason=message.description or _reason(message),
        first_row_number=message.first_row_number,
    )


def _reason(message: FindingMessage) -> str:
    if message.kind not in _DUPLICATES:
        return "has a fault"
    if message.first_row_number:
        return f"has the number of row {message.first_row_number}"
    return "has a number that is there already"
