"""ImportScheduledCalls over gRPC: whole, refused, broken off, and sent again."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from outdial.v1 import import_pb2 as pb
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import DUPLICATE_POLICY_REJECT, DUPLICATE_POLICY_SKIP, Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest as Request
from outdial.v1.batch_service_pb2 import ImportScheduledCallsResponse as Response
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from structlog.testing import capture_logs
from tests.integration.api.conftest import Belongings, Tenant, new_tenant

from outdial_server.domain.limits import IMPORT_ROWS_PER_MESSAGE_MAX
from support.grpc import Refusal, call, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

SKIP = pb.BAD_ROW_POLICY_SKIP


def good(n: int) -> pb.ImportRow:
    return pb.ImportRow(scheduled_call=ScheduledCall(address=f"+1555{n:07d}"))


def bad(**values: Any) -> pb.ImportRow:
    return pb.ImportRow(scheduled_call=ScheduledCall(address="5551230001"), **values)


def options(ours: Belongings, *, draft: bool = True, **values: Any) -> pb.ImportOptions:
    """Into a new batch, unless `batch_id` says otherwise."""
    if "batch_id" in values:
        return pb.ImportOptions(**values)
    batch = Batch(
        agent_id=ours.agent_id,
        display_name="imported",
        duplicates=values.pop("duplicates", None),
    )
    return pb.ImportOptions(new_batch=batch, draft=draft, **values)


def stream(
    asked: pb.ImportOptions,
    rows: Sequence[pb.ImportRow],
    in_message: int = 500,
    row_count: int | None = None,
) -> Iterator[Request]:
    yield Request(options=asked)
    for start in range(0, len(rows), in_message):
        yield Request(rows=pb.ImportRows(rows=rows[start : start + in_message]))
    yield Request(end=pb.ImportEnd(row_count=len(rows) if row_count is None else row_count))


async def send(
    channel: grpc.aio.Channel, ours: Belongings, messages: Iterable[Request]
) -> Response:
    response: Response = await BatchServiceStub(channel).ImportScheduledCalls(
        iter(messages), metadata=ours.tenant.key
    )
    return response


async def refused(
    channel: grpc.aio.Channel, ours: Belongings, messages: Iterable[Request]
) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send(channel, ours, messages)
    return refusal(caught.value)


def imported(response: Response) -> pb.Import:
    message: pb.Import = getattr(response, "import")
    return message


async def batch_count(channel: grpc.aio.Channel, ours: Belongings) -> int:
    page = await call(channel, "ListBatches", ours.tenant.key, page_size=1000)
    return len(page.batches)


async def all_findings(
    channel: grpc.aio.Channel, ours: Belongings, import_id: str
) -> list[pb.ImportFinding]:
    findings: list[pb.ImportFinding] = []
    token = ""
    while True:
        page = await call(
            channel,
            "ListImportFindings",
            ours.tenant.key,
            import_id=import_id,
            page_size=1000,
            page_token=token,
        )
        findings += page.findings
        token = page.next_page_token
        if not token:
            return findings


MANY = [bad() if n % 33 == 0 else good(n) for n in range(1, 20_001)]
BAD_LINES = [n for n in range(1, 20_001) if n % 33 == 0]


async def test_good_rows_are_added_and_the_others_reported(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    response = await send(grpc_channel, ours, stream(options(ours, bad_rows=SKIP), MANY))
    shown = imported(response)
    assert (shown.row_count, shown.refused_count) == (20_000, len(BAD_LINES))
    assert shown.added_count == response.batch.counts.total == 20_000 - len(BAD_LINES)
    assert shown.state == pb.IMPORT_STATE_ADDED
    assert shown.batch_id == response.batch.batch_id
    findings = await all_findings(grpc_channel, ours, shown.import_id)
    assert [finding.row_number for finding in findings] == BAD_LINES
    assert {finding.field for finding in findings} == {"address"}
    again = await call(grpc_channel, "GetImport", ours.tenant.key, import_id=shown.import_id)
    assert getattr(again, "import") == shown


async def test_a_fault_refuses_the_whole_import_and_all_faults_are_kept(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    before = await batch_count(grpc_channel, ours)
    answer = await refused(grpc_channel, ours, stream(options(ours), MANY))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.info.reason == "IMPORT_REFUSED"
    assert len(answer.fields) >= 50
    assert answer.fields == [f"rows[{n}].address" for n in BAD_LINES[: len(answer.fields)]]
    import_id = answer.info.metadata["import_id"]
    assert len(await all_findings(grpc_channel, ours, import_id)) == len(BAD_LINES)
    shown = await call(grpc_channel, "GetImport", ours.tenant.key, import_id=import_id)
    assert getattr(shown, "import").state == pb.IMPORT_STATE_REFUSED
    assert not getattr(shown, "import").batch_id
    assert await batch_count(grpc_channel, ours) == before


async def test_rows_go_behind_those_of_the_batch_and_know_its_duplicates(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    first = await send(
        grpc_channel,
        ours,
        stream(options(ours, duplicates=DUPLICATE_POLICY_SKIP), [good(1), good(2)]),
    )
    batch_id = first.batch.batch_id
    rows = [good(2), good(3), pb.ImportRow(row_number=70, scheduled_call=good(3).scheduled_call)]
    added = await send(grpc_channel, ours, stream(options(ours, batch_id=batch_id), rows))
    assert added.batch.counts.total == 3
    assert imported(added).duplicate_count == 2
    findings = await all_findings(grpc_channel, ours, imported(added).import_id)
    kind = pb.FINDING_KIND_DUPLICATE_SKIPPED
    assert [(f.row_number, f.kind, f.first_row_number) for f in findings] == [
        (1, kind, 0),
        (70, kind, 2),
    ]


async def test_refused_duplicates_are_faults(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    asked = options(ours, duplicates=DUPLICATE_POLICY_REJECT)
    answer = await refused(grpc_channel, ours, stream(asked, [good(1), good(2), good(1)]))
    assert (answer.info.reason, answer.fields) == ("IMPORT_REFUSED", ["rows[3].address"])
    (finding,) = await all_findings(grpc_channel, ours, answer.info.metadata["import_id"])
    assert finding.kind == pb.FINDING_KIND_DUPLICATE_REFUSED


async def test_what_the_sender_found_wrong_is_kept(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    faults = [
        pb.ImportRowFault(description="has too many columns"),
        pb.ImportRowFault(field="priority", description="is no number"),
    ]
    infinite = Struct()
    infinite.update({"n": float("inf")})
    unclear = pb.ImportRow(
        scheduled_call=ScheduledCall(address="+15551230001", template_context=infinite)
    )
    rows = [good(1), bad(row_number=7, faults=faults), unclear]
    shown = imported(await send(grpc_channel, ours, stream(options(ours, bad_rows=SKIP), rows)))
    assert (shown.added_count, shown.refused_count) == (1, 2)
    findings = await all_findings(grpc_channel, ours, shown.import_id)
    assert [(f.row_number, f.field) for f in findings] == [
        (3, "template_context"),
        (7, ""),
        (7, "priority"),
    ]
    answer = await refused(grpc_channel, ours, stream(options(ours), rows))
    assert answer.fields == ["rows[7]", "rows[7].priority", "rows[3].template_context"]


# --- streams that are not as they should be


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "options"),
        ([Request()], "options"),
        ([Request(end=pb.ImportEnd())], "options"),
        (["options", "options"], "rows"),
        (["options", Request()], "rows"),
        (["options", Request(rows=pb.ImportRows())], "rows"),
        (
            ["options", Request(rows=pb.ImportRows(rows=[good(1)] * 5001))],
            "rows",
        ),
        (["options", "row", "end", "row"], "end"),
        (
            ["options", Request(rows=pb.ImportRows(rows=[bad(row_number=-1)]))],
            "rows[-1].row_number",
        ),
        (
            [
                "options",
                Request(rows=pb.ImportRows(rows=[bad(faults=[pb.ImportRowFault()] * 17)])),
            ],
            "rows[1].faults",
        ),
        (
            [
                "options",
                Request(
                    rows=pb.ImportRows(
                        rows=[bad(faults=[pb.ImportRowFault(description="x" * 513)])]
                    )
                ),
            ],
            "rows[1].faults",
        ),
    ],
)
async def test_messages_in_disorder_are_refused_and_leave_nothing(
    grpc_channel: grpc.aio.Channel, ours: Belongings, messages: list[Any], field: str
) -> None:
    assert IMPORT_ROWS_PER_MESSAGE_MAX == 5_000
    named = {
        "options": Request(options=options(ours)),
        "row": Request(rows=pb.ImportRows(rows=[good(1)])),
        "end": Request(end=pb.ImportEnd(row_count=1)),
    }
    before = await batch_count(grpc_channel, ours)
    sent = [named[m] if isinstance(m, str) else m for m in messages]
    answer = await refused(grpc_channel, ours, sent)
    assert (answer.info.reason, answer.fields) == ("INVALID_FIELD", [field])
    assert await batch_count(grpc_channel, ours) == before


@pytest.mark.parametrize("row_count", [None, 2, 1201])
async def test_without_an_end_that_fits_nothing_is_added(
    grpc_channel: grpc.aio.Channel, ours: Belongings, row_count: int | None
) -> None:
    before = await batch_count(grpc_channel, ours)
    messages = list(
        stream(options(ours), [good(n) for n in range(1200)], row_count=row_count or 1200)
    )
    answer = await refused(grpc_channel, ours, messages if row_count else messages[:-1])
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (answer.info.reason, answer.fields) == ("IMPORT_INCOMPLETE", ["end"])
    assert await batch_count(grpc_channel, ours) == before


async def test_what_is_wrong_with_the_options_is_told_before_a_row_is_read(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    never = asyncio.Event()

    async def messages(asked: pb.ImportOptions) -> Any:
        yield Request(options=asked)
        await never.wait()

    stub = BatchServiceStub(grpc_channel)
    nobody = "00000000-0000-7000-8000-000000000000"
    for asked, reason in (
        (pb.ImportOptions(), "INVALID_FIELD"),
        (pb.ImportOptions(new_batch=Batch(agent_id=ours.agent_id)), "INVALID_FIELD"),
        (pb.ImportOptions(new_batch=Batch(agent_id=nobody, display_name="x")), "AGENT_NOT_FOUND"),
        (pb.ImportOptions(batch_id=nobody), "BATCH_NOT_FOUND"),
        (pb.ImportOptions(batch_id=ours.called_batch_id), "BATCH_STATE"),
        (options(ours, bad_rows=99), "INVALID_FIELD"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ImportScheduledCalls(messages(asked), metadata=ours.tenant.key)
        assert refusal(caught.value).info.reason == reason


async def test_a_stream_that_is_cancelled_leaves_nothing(
    grpc_channel: grpc.aio.Channel,
) -> None:
    tenant: Tenant = await new_tenant(grpc_channel, "cancelled")
    agent = await call(grpc_channel, "CreateAgent", tenant.key, agent=Agent(display_name="Eve"))
    batch = Batch(agent_id=agent.agent.agent_id, display_name="imported")
    made = await call(grpc_channel, "CreateBatch", tenant.key, batch=batch, draft=True)
    asked = pb.ImportOptions(batch_id=made.batch.batch_id)
    rpc = BatchServiceStub(grpc_channel).ImportScheduledCalls(metadata=tenant.key)
    for message in list(stream(asked, [good(n) for n in range(5_000)]))[:-1]:
        await rpc.write(message)
    rpc.cancel()
    # An import of its own waits for its turn: until the cancelled one has left.
    answer = await BatchServiceStub(grpc_channel).ImportScheduledCalls(
        stream(asked, [good(1)]), metadata=tenant.key
    )
    assert answer.batch.counts.total == 1


# --- the same again


async def test_the_same_stream_again_answers_the_same_however_it_is_cut(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    asked = options(ours, request_id=str(uuid4()), bad_rows=SKIP)
    rows = [*(good(n) for n in range(1200)), bad()]
    first = await send(grpc_channel, ours, stream(asked, rows))
    before = await batch_count(grpc_channel, ours)
    again = await send(grpc_channel, ours, stream(asked, rows, in_message=77))
    assert again == first
    answer = await refused(grpc_channel, ours, stream(asked, rows[:-1]))
    assert answer.code is grpc.StatusCode.ALREADY_EXISTS
    assert answer.info.reason == "REQUEST_ID_REUSED"
    assert await batch_count(grpc_channel, ours) == before


async def test_after_a_broken_stream_the_same_id_may_be_sent_again(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    asked = options(ours, request_id=str(uuid4()))
    messages = list(stream(asked, [good(n) for n in range(700)]))
    answer = await refused(grpc_channel, ours, messages[:-1])
    assert answer.info.reason == "IMPORT_INCOMPLETE"
    response = await send(grpc_channel, ours, messages)
    assert response.batch.counts.total == 700


async def test_an_import_needs_rows_unless_it_makes_a_draft(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    assert not imported(await send(grpc_channel, ours, stream(options(ours), []))).row_count
    answer = await refused(grpc_channel, ours, stream(options(ours, draft=False), []))
    assert answer.info.reason == "BATCH_EMPTY"
    asked = options(ours, batch_id=ours.batch_id)
    assert (await refused(grpc_channel, ours, stream(asked, []))).fields == ["rows"]
    asked = options(ours, draft=False, bad_rows=SKIP)
    answer = await refused(grpc_channel, ours, stream(asked, [bad()]))
    assert (answer.info.reason, answer.fields) == ("IMPORT_REFUSED", ["rows[1].address"])


async def test_its_line_in_the_log_names_what_was_made(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    with capture_logs() as lines:
        answer = await send(grpc_channel, ours, stream(options(ours), [good(1)]))
    (line,) = [line for line in lines if line["event"] == "rpc.ended"]
    assert line["batch_id"] == answer.batch.batch_id
    assert line["import_id"] == imported(answer).import_id
