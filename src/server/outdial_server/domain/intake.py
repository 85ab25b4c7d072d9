"""What becomes of a list of rows on its way into a batch: counted slice by slice, by the
rule of the request that brings it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.errors import (
    FieldViolation,
    InvalidFieldsError,
    Reason,
    invalid_field,
)
from outdial_server.domain.imports import BadRowPolicy, Finding, FindingKind, ImportCounts
from outdial_server.domain.limits import (
    FIELD_VIOLATIONS_MAX,
    IMPORT_FINDINGS_MAX,
    IMPORT_ROWS_MAX,
    SCHEDULED_CALLS_PER_REQUEST_MAX,
)
from outdial_server.domain.plan import Duplicate, PlacedRows, R


@dataclass(frozen=True, slots=True)
class RowFault:
    number: int
    field: str
    description: str
    # Of a row that was copied from a contact.
    contact_id: str = ""

    @property
    def path(self) -> str:
        """In a request that holds its whole list."""
        row = (
            f"contacts[{self.contact_id}]" if self.contact_id else f"scheduled_calls[{self.number}]"
        )
        return f"{row}.{self.field}"


@dataclass(frozen=True, slots=True)
class CheckedRows(Generic[R]):
    """A slice of a list: its good rows in normal form, and what is wrong with the others."""

    count: int
    rows: Sequence[tuple[int, R]]
    faults: Sequence[RowFault]


class Tally(Protocol):
    @property
    def is_refused(self) -> bool:
        """Whether nothing will be added, whatever follows: then nothing need be staged."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether what follows need not even be read."""
        ...

    def note(self, checked: CheckedRows[Any], placed: PlacedRows[Any]) -> Sequence[Finding]:
        """Counts a slice. Returns what is to be kept of it for good. Raises
        InvalidFieldsError when the list is too long."""
        ...


class ListTally:
    """Of a request that holds its whole list, or names contacts: any fault refuses it, and
    the first `FIELD_VIOLATIONS_MAX` of them are its answer."""

    def __init__(
        self, policy: DuplicatePolicy, rows_max: int = SCHEDULED_CALLS_PER_REQUEST_MAX
    ) -> None:
        self._policy = policy
        self._rows_max = rows_max
        self._violations: list[FieldViolation] = []
        self._refused_duplicates: list[FieldViolation] = []
        # Without contacts: as many as those are, no answer could hold them.
        self.skipped: list[Duplicate] = []
        self.row_count = 0
        self.duplicate_count = 0

    @property
    def is_refused(self) -> bool:
        return bool(self._violations or self._refused_duplicates)

    @property
    def is_full(self) -> bool:
        return len(self._violations) >= FIELD_VIOLATIONS_MAX

    def note(self, checked: CheckedRows[Any], placed: PlacedRows[Any]) -> Sequence[Finding]:
        self.row_count += checked.count
        if self.row_count > self._rows_max:
            most = self._rows_max
            raise invalid_field("scheduled_calls", f"must not have more than {most} entries")
        self.duplicate_count += len(placed.duplicates)
        for fault in checked.faults:
            self._violations.append(FieldViolation(fault.path, fault.description))
        if self._policy is DuplicatePolicy.SKIP:
            self.skipped += (row for row in placed.duplicates if not row.contact_id)
        elif self._policy is DuplicatePolicy.REJECT:
            room = FIELD_VIOLATIONS_MAX - len(self._refused_duplicates)
            self._refused_duplicates += map(_refused_duplicate, placed.duplicates[:room])
        return ()

    def raise_if_refused(self) -> None:
        """Raises InvalidFieldsError for faults, and only without any for duplicates
        (DUPLICATE_ADDRESS)."""
        if self._violations:
            raise InvalidFieldsError(self._violations)
        if self._refused_duplicates:
            raise InvalidFieldsError(
                self._refused_duplicates, Reason.DUPLICATE_ADDRESS, count=self.duplicate_count
            )


def _refused_duplicate(row: Duplicate) -> FieldViolation:
    description = f"is the same as at position {row.kept_position}"
    path = RowFault(row.number, "address", description, row.contact_id).path
    return FieldViolation(path, description)


_KIND_OF_DUPLICATE = {
    DuplicatePolicy.KEEP: FindingKind.DUPLICATE_KEPT,
    DuplicatePolicy.SKIP: FindingKind.DUPLICATE_SKIPPED,
    DuplicatePolicy.REJECT: FindingKind.DUPLICATE_REFUSED,
}


class ImportTally:
    """Of an import: every fault and every duplicate is a finding. Of the faults the first
    `FIELD_VIOLATIONS_MAX` are at hand; the findings are kept elsewhere."""

    def __init__(self, bad_rows: BadRowPolicy, duplicates: DuplicatePolicy) -> None:
        self._bad_rows = bad_rows
        self._kind_of_duplicate = _KIND_OF_DUPLICATE[duplicates]
        self._rejects_duplicates = duplicates is DuplicatePolicy.REJECT
        self._rows = self._added = self._refused = self._duplicates = 0
        self._findings = 0
        self._fault_count = 0
        self._violations: list[FieldViolation] = []

    @property
    def is_refused(self) -> bool:
        return self._bad_rows is BadRowPolicy.REJECT_ALL and self._refused > 0

    @property
    def is_full(self) -> bool:
        return False

    def note(self, checked: CheckedRows[Any], placed: PlacedRows[Any]) -> Sequence[Finding]:
        refused_duplicates = len(placed.duplicates) if self._rejects_duplicates else 0
        self._rows += checked.count
        if self._rows > IMPORT_ROWS_MAX:
            raise invalid_field("rows", f"must not be more than {IMPORT_ROWS_MAX}")
        self._added += len(placed.rows)
        self._refused += checked.count - len(checked.rows) + refused_duplicates
        self._duplicates += len(placed.duplicates)
        faults = [
            Finding(fault.number, FindingKind.FAULT, fault.field, fault.description)
            for fault in checked.faults
        ]
        duplicates = [self._finding(duplicate) for duplicate in placed.duplicates]
        self._note_faults(faults + duplicates if self._rejects_duplicates else faults)
        findings = faults + duplicates
        # In the order of the rows. Stable: the faults of one row stay as they were found.
        findings.sort(key=lambda finding: finding.row_number)
        room = max(0, IMPORT_FINDINGS_MAX - self._findings)
        self._findings += len(findings)
        return findings[:room]

    def counts(self, *, added: bool) -> ImportCounts:
        return ImportCounts(
            self._rows,
            self._added if added else 0,
            self._refused,
            self._duplicates,
            self._findings > IMPORT_FINDINGS_MAX,
        )

    @property
    def added_count(self) -> int:
        return self._added

    @property
    def row_count(self) -> int:
        return self._rows

    def refusal(self, import_id: str) -> InvalidFieldsError:
        return InvalidFieldsError(
            self._violations,
            Reason.IMPORT_REFUSED,
            {"import_id": import_id},
            self._fault_count,
        )

    def _note_faults(self, faults: Sequence[Finding]) -> None:
        self._fault_count += len(faults)
        room = FIELD_VIOLATIONS_MAX - len(self._violations)
        for finding in faults[:room]:
            dot = "." if finding.field else ""
            path = f"rows[{finding.row_number}]{dot}{finding.field}"
            self._violations.append(FieldViolation(path, finding.description))

    def _finding(self, row: Duplicate) -> Finding:
        if row.first_number is None:
            description = f"is the same as at position {row.kept_position} of the batch"
            return Finding(row.number, self._kind_of_duplicate, "address", description)
        return Finding(
            row.number,
            self._kind_of_duplicate,
            "address",
            f"is the same as in row {row.first_number}",
            row.first_number,
        )
