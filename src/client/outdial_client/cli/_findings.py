"""What an import has to say about its rows, on the screen and in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outdial.v1.import_pb2 import FindingKind, Import

from outdial_client._batches import Batches
from outdial_client._csv_columns import CsvFileError
from outdial_client._errors import ImportRefusedError
from outdial_client._imports import ContactImportResult, ImportFinding, ImportResult
from outdial_client.cli._choices import Choices
from outdial_client.cli._exit_code import CommandFailure
from outdial_client.cli._screen import Screen, to_json

Imported = ImportResult | ContactImportResult | ImportRefusedError

FINDING_HEADINGS = ("row", "column", "reason")
MOST_SHOWN = 20
_PAGE_SIZE = 1000
_KINDS = Choices(FindingKind, "FINDING_KIND_")


@dataclass(frozen=True, slots=True)
class Findings:
    """The first rows that were left out, and whether there are more of them."""

    shown: Sequence[ImportFinding]
    has_more: bool

    @classmethod
    async def read(cls, batches: Batches, imported: Imported) -> "Findings":
        """Rows that were added all the same are passed over."""
        shown: list[ImportFinding] = []
        async for finding in batches.import_findings(imported, page_size=_PAGE_SIZE):
            if finding.is_added:
                continue
            if len(shown) == MOST_SHOWN:
                return cls(shown, True)
            shown.append(finding)
        return cls(shown, False)

    def show(self, screen: Screen, import_id: str) -> None:
        """As a table, with where to find the rest."""
        if not self.shown:
            return
        screen.table(FINDING_HEADINGS, [finding_cells(finding) for finding in self.shown])
        if self.has_more:
            more = screen.command("import", "findings", import_id, "--limit", "1000")
            screen.line(f"... and more: {more}")

    def to_json(self) -> list[dict[str, Any]]:
        """For programs."""
        return [finding_object(finding) for finding in self.shown]


def finding_cells(finding: ImportFinding) -> tuple[str, ...]:
    """One finding under FINDING_HEADINGS."""
    return (str(finding.row_number), finding.column, finding.reason)


def finding_object(finding: ImportFinding) -> dict[str, Any]:
    """One finding for programs."""
    return {
        "row_number": finding.row_number,
        "kind": _KINDS.full_name(finding.kind),
        "field": finding.field,
        "column": finding.column,
        "reason": finding.reason,
        "first_row_number": finding.first_row_number,
    }


async def write_report(
    batches: Batches, screen: Screen, imported: Imported | str, source: Path, target: Path
) -> None:
    """The rows that were not added, in a file of their own."""
    try:
        written = await batches.write_refused_rows(imported, source, target)
    except CsvFileError as error:
        raise CommandFailure(f"{source}: {error.reason}") from error
    except OSError as error:
        raise CommandFailure(f"{target} cannot be written: {error.strerror}") from error
    screen.say(f"Rows that were not added, with reasons: {target} ({written}).")


def import_facts(told: Import) -> Sequence[tuple[str, str]]:
    """An import in full."""
    of_contacts = bool(told.contact_folder_id)
    return [
        ("id", told.import_id),
        ("folder", told.contact_folder_id) if of_contacts else ("batch", told.batch_id),
        ("rows", str(told.row_count)),
        ("added", str(told.added_count)),
        *([("updated", str(told.updated_count))] if of_contacts else []),
        ("refused", str(told.refused_count)),
        ("duplicates", str(told.duplicate_count)),
    ]


def import_object(told: Import, findings: Findings) -> dict[str, Any]:
    """An import and its first findings for programs."""
    return {"import": to_json(told), "findings": findings.to_json()}
