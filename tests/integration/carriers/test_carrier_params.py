"""Parameters of the carrier's own: from each place where a client may say them to the request
at the far end, and refused by name where the carrier would not have them."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.carrier_credentials_pb2 import TwilioCredentials
from outdial.v1.import_pb2 import BadRowPolicy, ImportEnd
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import watch_to_the_end
from tests.integration.carriers.outdial import CALLER_ID, KEY, QUICK, Outdial, far_end, outdial

from support.far_twilio import SID, TOKEN, TwilioFace
from support.grpc import refused


def params(**values: Any) -> Struct:
    return ParseDict(values, Struct())


def row(n: int, **values: Any) -> ScheduledCall:
    given = params(**values) if values else None
    return ScheduledCall(address=f"+1555123{n:04d}", carrier_params=given)


async def add_twilio(server: Outdial, url: str) -> None:
    credentials = TwilioCredentials(account_sid=SID, auth_token=TOKEN, base_url=url)
    await server.add_config(credentials)


async def new_batch(server: Outdial, **fields: Any) -> Batch:
    return Batch(
        agent_id=await server.add_agent(),
        display_name="list",
        carrier_config="main",
        caller_id=CALLER_ID,
        **fields,
    )


async def test_each_call_is_asked_for_with_those_of_its_person_and_its_batch(
    tmp_path: Path,
) -> None:
    async with far_end(TwilioFace(), QUICK) as (far, url), outdial(tmp_path) as server:
        await add_twilio(server, url)
        wanted = await new_batch(server, carrier_params=params(record=True, send_digits="1"))
        rows = [row(0), row(1, SendDigits="2ww3", callReason="a reminder")]
        made = await server("CreateBatch", batch=wanted, scheduled_calls=rows, draft=True)
        batch_id = made.batch.batch_id
        assert dict(made.batch.carrier_params) == {"Record": True, "SendDigits": "1"}
        await server("AddScheduledCalls", batch_id=batch_id, scheduled_calls=[row(2, trim="x")])
        listed = await server("ListScheduledCalls", batch_id=batch_id)
        assert [dict(one.carrier_params) for one in listed.scheduled_calls] == [
            {},
            {"SendDigits": "2ww3", "CallReason": "a reminder"},
            {"Trim": "x"},
        ]
        await server("StartBatch", batch_id=batch_id)
        await watch_to_the_end(server.channel, KEY, batch_id)
        asked = {one["To"][0]: one for one in far.requests}
    assert [asked[f"+1555123{n:04d}"]["SendDigits"] for n in range(3)] == [["1"], ["2ww3"], ["1"]]
    assert {tuple(one["Record"]) for one in asked.values()} == {("true",)}
    assert asked["+15551230001"]["CallReason"] == ["a reminder"]
    assert asked["+15551230002"]["Trim"] == ["x"]


async def test_a_direct_call_is_asked_for_with_its_own(tmp_path: Path) -> None:
    async with far_end(TwilioFace(), QUICK) as (far, url), outdial(tmp_path) as server:
        await add_twilio(server, url)
        agent_id = await server.add_agent()
        asking = {"agent_id": agent_id, "address": "+15551230000", "carrier_config": "main"}
        made = await server("CreateCall", **asking, carrier_params=params(send_digits="1"))
        assert dict(made.call.carrier_params) == {"SendDigits": "1"}
        wrong = await refused(
            server.channel, "CreateCall", KEY, **asking, carrier_params=params(To="+1")
        )
        assert wrong.fields == ["carrier_params.To"]
        while not far.requests:
            await server("GetCall", call_id=made.call.call_id)
    assert [one["SendDigits"] for one in far.requests] == [["1"]]


async def test_those_that_are_not_the_caller_s_are_refused_by_name_wherever_they_come(
    tmp_path: Path,
) -> None:
    async with far_end(TwilioFace(), QUICK) as (far, url), outdial(tmp_path) as server:
        await add_twilio(server, url)
        wanted = await new_batch(server, carrier_params=params(To="+1", status_callback="x"))
        of_batch = ["batch.carrier_params.To", "batch.carrier_params.status_callback"]

        async def faults(rpc: str, **fields: Any) -> Sequence[str]:
            return sorted((await refused(server.channel, rpc, KEY, **fields)).fields)

        rows = [row(0), row(1, Twiml="x", colour="red")]
        of_rows = [f"scheduled_calls[1].carrier_params.{name}" for name in ("Twiml", "colour")]
        assert await faults("CreateBatch", batch=wanted, draft=True) == of_batch
        assert await faults("EstimateWindow", batch=wanted) == of_batch
        wanted.ClearField("carrier_params")
        assert await faults("CreateBatch", batch=wanted, scheduled_calls=rows) == of_rows
        made = await server("CreateBatch", batch=wanted, draft=True)
        batch_id = made.batch.batch_id
        assert await faults("AddScheduledCalls", batch_id=batch_id, scheduled_calls=rows) == of_rows
        change = Batch(batch_id=batch_id, carrier_params=params(To="+1", status_callback="x"))
        mask = FieldMask(paths=["carrier_params"])
        assert await faults("UpdateBatch", batch=change, update_mask=mask) == of_batch
        shown = await server("GetBatch", batch_id=batch_id)
        assert not shown.batch.carrier_params.fields
        assert shown.batch.counts.total == 0
        assert far.requests == []


async def test_of_an_import_the_rows_with_such_ones_are_left_out_and_told(tmp_path: Path) -> None:
    async with far_end(TwilioFace(), QUICK) as (_, url), outdial(tmp_path) as server:
        await add_twilio(server, url)
        wanted = await new_batch(server)

        async def messages() -> AsyncIterator[ImportScheduledCallsRequest]:
            options = ImportScheduledCallsRequest()
            options.options.new_batch.CopyFrom(wanted)
            options.options.draft = True
            options.options.bad_rows = BadRowPolicy.BAD_ROW_POLICY_SKIP
            yield options
            rows = ImportScheduledCallsRequest()
            for n, one in enumerate((row(0, From="+1"), row(1, send_digits="1")), 2):
                rows.rows.rows.add(row_number=n, scheduled_call=one)
            yield rows
            yield ImportScheduledCallsRequest(end=ImportEnd(row_count=2))

        stub = BatchServiceStub(server.channel)
        answer = await stub.ImportScheduledCalls(messages(), metadata=KEY)
        assert (getattr(answer, "import").added_count, answer.batch.counts.total) == (1, 1)
        findings = await server("ListImportFindings", import_id=getattr(answer, "import").import_id)
    (finding,) = findings.findings
    assert (finding.row_number, finding.field) == (2, "carrier_params.From")
    assert finding.description == "is set by the caller ID"


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_where_calls_are_simulated_they_are_checked_all_the_same(
    tmp_path: Path, carrier: str
) -> None:
    async with outdial(tmp_path, simulate=True, simulate_profile="fast") as server:
        agent_id = await server.add_agent()
        wanted = Batch(agent_id=agent_id, display_name="x", carrier=carrier)
        wanted.carrier_params.update({"to": "+1"})
        wrong = await refused(server.channel, "CreateBatch", KEY, batch=wanted, draft=True)
        assert wrong.fields == ["batch.carrier_params.to"]
