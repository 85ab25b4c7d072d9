"""The do-not-call list from the SDK and the command."""

from datetime import UTC, datetime
from pathlib import Path

from outdial.v1.suppression_pb2 import Suppression
from outdial.v1.suppression_service_pb2 import (
    CreateSuppressionsRequest,
    CreateSuppressionsResponse,
    DeleteSuppressionResponse,
    GetSuppressionResponse,
    ListSuppressionsResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client

ENTRY = Suppression(suppression_id="p-1", address="+15551230001", source="registry")


async def made(request: CreateSuppressionsRequest) -> CreateSuppressionsResponse:
    entries = [Suppression(address=address) for address in request.addresses]
    return CreateSuppressionsResponse(suppressions=entries, created_count=len(entries))


async def test_a_long_list_goes_in_several_requests(far_end: FarEnd) -> None:
    far_end.answer("CreateSuppressions", made)
    numbers = [f"+1555{n:07d}" for n in range(20_001)]
    async with Client(far_end.address) as client:
        entries = await client.suppressions.create(
            numbers, source="registry", expire_time=datetime(2030, 1, 1, tzinfo=UTC)
        )
    assert [entry.address for entry in entries] == numbers
    requests = far_end.requests("CreateSuppressions")
    assert [len(request.addresses) for request in requests] == [10_000, 10_000, 1]
    assert {request.source for request in requests} == {"registry"}
    assert {request.expire_time.ToDatetime().year for request in requests} == {2030}


async def test_addresses_are_added_from_words_and_from_a_file(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    far_end.answer("CreateSuppressions", made)
    file = tmp_path / "list.txt"
    file.write_text("+15551230002\n\n +15551230003 \n")
    result = await outdial("suppression", "add", "+15551230001", "--file", str(file))
    assert result.exit_code == 0, result.output
    (request,) = far_end.requests("CreateSuppressions")
    assert list(request.addresses) == ["+15551230001", "+15551230002", "+15551230003"]
    assert "+15551230003" in result.stdout


async def test_an_entry_that_stays_longer_than_was_asked_for_is_told(
    far_end: FarEnd, outdial: Outdial
) -> None:
    for_good = Suppression(address="+15551230001")
    as_asked = Suppression(address="+15551230002")
    as_asked.expire_time.FromDatetime(datetime(2030, 1, 1, tzinfo=UTC))
    far_end.answer(
        "CreateSuppressions", CreateSuppressionsResponse(suppressions=[for_good, as_asked])
    )
    added = ("suppression", "add", "+15551230001", "+15551230002")
    result = await outdial(*added, "--until", "2030-01-01T00:00Z")
    assert "Longer, as was said before: 1." in result.stderr
    assert "Longer" not in (await outdial(*added)).stderr


async def test_nothing_to_add_is_a_usage_error(outdial: Outdial) -> None:
    result = await outdial("suppression", "add")
    assert result.exit_code == 2


async def test_entries_are_listed_shown_and_deleted(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListSuppressions", ListSuppressionsResponse(suppressions=[ENTRY]))
    far_end.answer("GetSuppression", GetSuppressionResponse(suppression=ENTRY))
    far_end.answer("DeleteSuppression", DeleteSuppressionResponse())
    listed = await outdial("suppression", "list", "--source", "registry")
    assert listed.stdout.splitlines()[-1].split() == ["p-1", "+15551230001", "registry"]
    assert far_end.requests("ListSuppressions")[0].source == "registry"
    shown = await outdial("suppression", "show", "p-1")
    assert "+15551230001" in shown.stdout
    deleted = await outdial("suppression", "delete", "p-1")
    assert deleted.exit_code == 0, deleted.output
    assert far_end.requests("DeleteSuppression")[0].suppression_id == "p-1"
