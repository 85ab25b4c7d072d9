"""What comes back about the rows of an import."""

import io
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from outdial.v1.batch_service_pb2 import (
    GetImportResponse,
    ListImportFindingsResponse,
)
from outdial.v1.import_pb2 import ImportFinding as FindingMessage

from client.far_end import FarEnd
from client.transfers import REFUSED
from outdial_client import (
    Client,
    CsvColumns,
    CsvFileError,
    FindingKind,
    ImportFinding,
    ImportRefusedError,
)

FINDINGS = [
    FindingMessage(
        row_number=3,
        kind=FindingKind.FINDING_KIND_FAULT,
        field="address",
        description="lacks + and the country code",
    ),
    FindingMessage(
        row_number=3,
        kind=FindingKind.FINDING_KIND_FAULT,
        field="template_context.Note",
        description="is too long",
    ),
    FindingMessage(row_number=4, kind=FindingKind.FINDING_KIND_DUPLICATE_KEPT, first_row_number=2),
    FindingMessage(
        row_number=5, kind=FindingKind.FINDING_KIND_DUPLICATE_SKIPPED, first_row_number=2
    ),
]
PEOPLE = (
    b"Tel,Note\n"
    b"+15551230001,first\n"
    b'5551230002,"=HYPERLINK(1)"\n'
    b"+15551230001,kept\n"
    b'+15551230001,"two\nlines"\n'
)
COLUMNS = CsvColumns(phone="tel")


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_refusal_names_the_import_and_the_columns(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", REFUSED)
    with pytest.raises(ImportRefusedError) as caught:
        await client.batches.import_csv(io.BytesIO(PEOPLE), batch_id="b-1", columns=COLUMNS)
    assert caught.value.import_id == "i-2"
    assert caught.value.fields[0].field == "rows[3].address"
    far_end.answer("ListImportFindings", ListImportFindingsResponse(findings=FINDINGS))
    findings = await client.batches.import_findings(caught.value).to_list()
    assert far_end.requests("ListImportFindings")[0].import_id == "i-2"
    assert findings[0] == ImportFinding(
        row_number=3,
        kind=FindingKind.FINDING_KIND_FAULT,
        field="address",
        column="Tel",
        reason="lacks + and the country code",
    )
    assert findings[1].column == "Note"
    assert (findings[2].is_added, findings[2].reason) == (True, "has the number of row 2")
    assert (findings[3].is_added, findings[3].first_row_number) == (False, 2)


async def test_findings_of_an_id_alone_name_fields(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ListImportFindings", ListImportFindingsResponse(findings=FINDINGS))
    first = await client.batches.import_findings("i-2").first()
    assert first is not None
    assert (first.column, first.field) == ("address", "address")


async def test_an_import_is_read_by_its_id(far_end: FarEnd, client: Client) -> None:
    answer = ParseDict({"import": {"import_id": "i-1"}}, GetImportResponse())
    far_end.answer("GetImport", answer)
    assert (await client.batches.get_import("i-1")).import_id == "i-1"


async def test_refused_rows_are_written_with_the_cells_that_they_had(
    far_end: FarEnd, client: Client, tmp_path: Path
) -> None:
    # The two findings of one row are on two pages.
    far_end.answer(
        "ListImportFindings",
        ListImportFindingsResponse(findings=FINDINGS[:1], next_page_token="2"),
        ListImportFindingsResponse(findings=FINDINGS[1:]),
    )
    target = tmp_path / "refused.csv"
    assert await client.batches.write_refused_rows("i-2", io.BytesIO(PEOPLE), target) == 2
    assert target.read_text() == (
        "row,column,reason,Tel,Note\n"
        "3,address; template_context.Note,lacks + and the country code; is too long,"
        "5551230002,'=HYPERLINK(1)\n"
        '5,,has the number of row 2,+15551230001,"two\nlines"\n'
    )


async def test_a_report_on_another_file_says_so_and_leaves_nothing(
    far_end: FarEnd, client: Client, tmp_path: Path
) -> None:
    far_end.answer("ListImportFindings", ListImportFindingsResponse(findings=FINDINGS))
    target = tmp_path / "refused.csv"
    with pytest.raises(CsvFileError, match="no row starts on line 3: is it another"):
        await client.batches.write_refused_rows("i-2", io.BytesIO(b"phone\n"), target)
    assert files_in(tmp_path) == []
