"""Imports of contacts from the SDK and the command."""

import io
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from outdial.v1.batch_service_pb2 import GetImportResponse, ListImportFindingsResponse
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.contact_service_pb2 import (
    GetContactFolderResponse,
    ImportContactsResponse,
    ListContactFoldersResponse,
)
from outdial.v1.import_pb2 import BadRowPolicy, ContactImportRow, FindingKind, ImportFinding

from client.command_line import Outdial
from client.far_end import FarEnd, Refusal
from outdial_client import (
    Client,
    ContactColumns,
    CsvFileError,
    ImportInterruptedError,
    ImportRefusedError,
    NewContact,
)
from outdial_client._csv import CsvSource
from outdial_client._csv_columns import Columns, CsvColumns, CsvRow

FOLDER_ID = "0193e0c0-0000-7000-8000-000000000001"
FOLDER = ContactFolder(contact_folder_id=FOLDER_ID, display_name="Patients", contact_count=9)
PEOPLE = b"Phone,First Name,E-Mail,city,rooms\n+15551230001,Ada,a@b.c,Graz,3\nnobody,Bob,,,\n"
COUNTS = {
    "import_id": "i-1",
    "contact_folder_id": FOLDER_ID,
    "row_count": 6,
    "added_count": 2,
    "updated_count": 1,
    "refused_count": 1,
    "duplicate_count": 3,
}
ADDED = ParseDict({"import": COUNTS}, ImportContactsResponse(contact_folder=FOLDER))
REFUSED = Refusal(
    code=grpc.StatusCode.INVALID_ARGUMENT, reason="IMPORT_REFUSED", metadata={"import_id": "i-1"}
)
FINDINGS = [
    ImportFinding(
        row_number=3, kind=FindingKind.FINDING_KIND_FAULT, field="address", description="is none"
    ),
    ImportFinding(row_number=4, kind=FindingKind.FINDING_KIND_DUPLICATE_SKIPPED, field="address"),
]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(PEOPLE)
    return path


@pytest.fixture
def taking(far_end: FarEnd) -> FarEnd:
    far_end.answer("GetContactFolder", GetContactFolderResponse(contact_folder=FOLDER))
    far_end.answer("ListContactFolders", ListContactFoldersResponse(contact_folders=[FOLDER]))
    far_end.answer("ImportContacts", ADDED)
    far_end.answer("GetImport", ParseDict({"import": COUNTS}, GetImportResponse()))
    far_end.answer("ListImportFindings", ListImportFindingsResponse(findings=FINDINGS))
    return far_end


def sent(far_end: FarEnd) -> tuple[Any, list[ContactImportRow]]:
    """Options and rows of the last import."""
    messages = far_end.requests("ImportContacts")[-1]
    return messages[0].options, [row for message in messages for row in message.rows.rows]


def fields_of(header: str, columns: Columns | None = None) -> dict[str, str]:
    """Which column each field is read from, of a file with this first line."""
    row = ",".join(f"+1555123000{index}" for index in range(header.count(",") + 1))
    with CsvSource(io.BytesIO(f"{header}\n{row}\n".encode())).open() as file:
        (read,) = file.rows(columns or ContactColumns())
    assert isinstance(read, CsvRow)
    names = dict(zip(row.split(","), header.split(","), strict=True))
    return {field: names[value] for field, value in read.values.items()}


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("address", ["phone", "phone_number", "mobile", "Mobile-Number"]),
        ("first_name", ["first_name", "firstname", "FName", "First Name", "name"]),
        ("last_name", ["last_name", "lastname", "lname"]),
        ("email", ["email", "email_address", "Email Address"]),
        ("company_name", ["company", "company_name"]),
        ("industry", ["industry"]),
        ("location", ["location", "City"]),
        ("postal_code", ["pin_code", "pincode", "postal code"]),
        ("keywords", ["keywords", "Tags"]),
        ("time_zone", ["time_zone", "timezone"]),
    ],
)
def test_columns_are_known_by_their_usual_names(field: str, names: list[str]) -> None:
    for name in names:
        header = name if field == "address" else f"phone,{name}"
        assert fields_of(header)[field] == name


def test_a_number_is_found_by_the_same_names_for_batches_and_folders() -> None:
    for name in ContactColumns().usual["address"]:
        assert fields_of(name) == fields_of(name, CsvColumns()) == {"address": name}


def test_a_name_that_is_taken_leaves_the_other_as_a_field_of_its_own() -> None:
    assert fields_of("name,first_name,phone,mobile,Rooms") == {
        "custom_fields.name": "name",
        "first_name": "first_name",
        "address": "phone",
        "custom_fields.mobile": "mobile",
        "custom_fields.Rooms": "Rooms",
    }


def test_chosen_columns_come_before_usual_ones() -> None:
    columns = ContactColumns(phone="tel", location="town", metadata=["team"])
    assert fields_of("phone,tel,city,town,team", columns) == {
        "custom_fields.phone": "phone",
        "address": "tel",
        "custom_fields.city": "city",
        "location": "town",
        "metadata.team": "team",
    }


async def test_a_file_goes_into_a_folder(taking: FarEnd, client: Client, people: Path) -> None:
    columns = ContactColumns(email="e-mail")
    result = await client.contacts.import_csv(
        people, FOLDER_ID, overwrite_existing=True, columns=columns
    )
    options, rows = sent(taking)
    assert (options.contact_folder_id, options.overwrite_existing) == (FOLDER_ID, True)
    assert options.bad_rows == BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL
    assert options.request_id
    good, bad = rows
    assert good.row_number == 2
    wanted = Contact(address="+15551230001", first_name="Ada", email="a@b.c", location="Graz")
    wanted.custom_fields.update({"rooms": "3"})
    assert good.contact == wanted
    assert (bad.row_number, bad.faults[0].field) == (3, "address")
    assert result.folder == FOLDER
    assert (result.added_count, result.updated_count, result.skipped_count) == (2, 1, 2)
    findings = await client.batches.import_findings(result).to_list()
    assert [finding.column for finding in findings] == ["Phone", "Phone"]
    assert findings[1].reason == "has a number that is there already"


async def test_words_of_a_cell_are_split_and_empty_cells_say_nothing(
    taking: FarEnd, client: Client
) -> None:
    text = b'phone,tags,rooms,vip\n+15551230001,"a, b,,",,\n'
    columns = ContactColumns(metadata=["vip"])
    await client.contacts.import_csv(io.BytesIO(text), FOLDER_ID, columns=columns)
    (row,) = sent(taking)[1]
    assert list(row.contact.keywords) == ["a", "b"]
    assert not row.contact.HasField("custom_fields")
    assert dict(row.contact.metadata) == {}


async def test_contacts_that_a_program_makes_are_numbered(taking: FarEnd, client: Client) -> None:
    made = (NewContact(address=f"+1555123000{n}", first_name=f"n{n}") for n in range(3))
    await client.contacts.import_rows(made, FOLDER_ID)
    _, rows = sent(taking)
    assert [(row.row_number, row.contact.first_name) for row in rows] == [
        (1, "n0"),
        (2, "n1"),
        (3, "n2"),
    ]


async def test_a_refused_import_and_one_that_broke_off_say_so(
    taking: FarEnd, client: Client, people: Path
) -> None:
    taking.answer("ImportContacts", REFUSED)
    with pytest.raises(ImportRefusedError) as refused:
        await client.contacts.import_csv(people, FOLDER_ID)
    findings = await client.batches.import_findings(refused.value).to_list()
    assert findings[0].column == "Phone"
    taking.answer("ImportContacts", Refusal())
    with pytest.raises(ImportInterruptedError) as broken:
        await client.contacts.import_csv(people, FOLDER_ID, request_id="r-1")
    assert broken.value.repeat_request_id == "r-1"
    with pytest.raises(CsvFileError):
        await client.contacts.import_csv(io.BytesIO(b"name\nAda\n"), FOLDER_ID)


async def test_the_command_puts_a_file_into_a_folder(
    taking: FarEnd, outdial: Outdial, people: Path, tmp_path: Path
) -> None:
    report = tmp_path / "refused.csv"
    result = await outdial(
        *("contact", "import", str(people), "--folder", "Patients", "--overwrite"),
        *("--skip-bad-rows", "--email-column", "e-mail", "--label-column", "rooms"),
    )
    assert result.exit_code == 0, result.output
    options, (row, _) = sent(taking)
    assert (options.contact_folder_id, options.overwrite_existing) == (FOLDER_ID, True)
    assert options.bad_rows == BadRowPolicy.BAD_ROW_POLICY_SKIP
    assert (row.contact.email, dict(row.contact.metadata)) == ("a@b.c", {"rooms": "3"})
    assert result.stdout.splitlines()[-1] == (
        "Folder Patients: 2 added, 1 changed; left out: 1 as bad, 2 as duplicates."
    )
    quiet = await outdial("-q", "contact", "import", str(people), "--folder", FOLDER_ID)
    assert quiet.stdout == f"{FOLDER_ID}\n"
    as_json = await outdial("contact", "import", str(people), "--folder", FOLDER_ID, "--json")
    told = json.loads(as_json.stdout)
    assert told["contact_folder"]["display_name"] == "Patients"
    assert told["import"]["updated_count"] == "1"
    shown = await outdial("import", "show", "i-1")
    assert [line.split() for line in shown.stdout.splitlines()][1:5] == [
        ["folder", FOLDER_ID],
        ["rows", "6"],
        ["added", "2"],
        ["updated", "1"],
    ]
    assert not report.exists()


async def test_the_command_says_which_rows_were_refused(
    taking: FarEnd, outdial: Outdial, people: Path, tmp_path: Path
) -> None:
    taking.answer("ImportContacts", REFUSED)
    taking.answer("ListImportFindings", ListImportFindingsResponse(findings=FINDINGS[:1]))
    report = tmp_path / "refused.csv"
    into = ("contact", "import", str(people), "--folder", "Patients")
    result = await outdial(*into, "--refused", str(report))
    assert result.exit_code == 4
    assert ["3", "Phone", "is", "none"] in [line.split() for line in result.stdout.splitlines()]
    assert report.read_text().splitlines()[1] == "3,Phone,is none,nobody,Bob,,,"
    wrong = await outdial(*into, "--refused", str(people))
    assert wrong.exit_code == 2
    assert (await outdial("contact", "import", str(people))).exit_code == 2
