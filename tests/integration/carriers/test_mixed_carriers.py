"""One batch whose people are dialled by several carriers, each at its far end on loopback."""

from pathlib import Path

import httpx
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.batch_pb2 import Batch
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import SipCredentials
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall
from tests.integration.api.conftest import watch_to_the_end
from tests.integration.carriers.outdial import CALLER_ID, KEY, QUICK, outdial
from tests.integration.carriers.test_plivo_account import far_plivo
from tests.integration.carriers.test_twilio_account import far_twilio
from tests.integration.conftest import OPERATOR_KEY

from support.far_sip import LOOPBACK, FarAgent, FarTrunk, listening
from support.grpc import refused

BY_TWILIO, BY_PLIVO = "+15551230001", "+15551230002"


async def test_each_person_is_called_at_the_carrier_of_their_own_config(tmp_path: Path) -> None:
    async with far_twilio() as twilio, far_plivo() as plivo, outdial(tmp_path) as server:
        main = await server.add_config(twilio.credentials(), name="main")
        north = await server.add_config(plivo.credentials(), "plivo", name="north", most=1)
        batch = Batch(
            agent_id=await server.add_agent(),
            display_name="list",
            carrier_config="main",
            caller_id=CALLER_ID,
        )
        people = [
            ScheduledCall(address=BY_TWILIO),
            ScheduledCall(address=BY_PLIVO, carrier_config="north"),
        ]
        # In the words of Plivo, and of no other.
        people[1].carrier_params["CallerName"] = "Ada"
        made = await server("CreateBatch", batch=batch, scheduled_calls=people)
        batch_id = made.batch.batch_id
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert [one.to for one in twilio.far.calls()] == [BY_TWILIO]
        assert [one.to for one in plivo.far.calls()] == [BY_PLIVO]
        assert [request["caller_name"] for request in plivo.far.requests] == ["Ada"]
        rows = (await server("ListScheduledCalls", batch_id=batch_id)).scheduled_calls
        assert [row.carrier_config for row in rows] == ["", north.carrier_config_id]
        calls = (await server("ListCalls", batch_id=batch_id)).calls
        assert {(one.address, one.carrier, one.carrier_config) for one in calls} == {
            (BY_TWILIO, "twilio", main.carrier_config_id),
            (BY_PLIVO, "plivo", north.carrier_config_id),
        }

        await server.add_config(None, "telnyx", name="empty")
        people[1].ClearField("carrier_params")
        people[1].carrier_config = "empty"
        wrong = await refused(
            server.channel, "CreateBatch", KEY, batch=batch, scheduled_calls=people
        )
        assert wrong.fields == ["scheduled_calls[1].carrier_config"]
        assert "no credentials for 'telnyx'" in wrong.message
        # A draft is asked again as it is started.
        people[1].carrier_config = "north"
        draft = await server("CreateBatch", batch=batch, scheduled_calls=people, draft=True)
        bare = CarrierConfig(carrier_config_id=north.carrier_config_id)
        await server(
            "UpdateCarrierConfig", carrier_config=bare, update_mask=FieldMask(paths=["plivo"])
        )
        wrong = await refused(server.channel, "StartBatch", KEY, batch_id=draft.batch.batch_id)
        assert wrong.info.reason == "CARRIER_NOT_CONFIGURED"
        assert "no credentials for 'plivo'" in wrong.message


async def test_media_of_several_carriers_are_dialled_each_by_its_own(tmp_path: Path) -> None:
    async with (
        far_twilio() as twilio,
        far_plivo() as plivo,
        outdial(tmp_path) as server,
        httpx.AsyncClient(
            base_url=server.http_url, headers={"X-API-Key": OPERATOR_KEY}, timeout=30
        ) as http,
    ):
        await server.add_config(twilio.credentials(), name="main")
        await server.add_config(plivo.credentials(), "plivo", name="north")
        path = f"/api/agents/{await server.add_agent()}/scheduled_batches"
        media = [
            {"twilio": {"outgoing": {"to": BY_TWILIO, "from": CALLER_ID}}},
            {"plivo": {"outgoing": {"to": BY_PLIVO, "from": CALLER_ID}}},
        ]
        made = await http.post(path, json={"calls": [{"medium": medium} for medium in media]})
        assert made.status_code == 201, made.text
        batch_id = made.json()["batchId"]
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert [one.to for one in twilio.far.calls()] == [BY_TWILIO]
        assert [one.to for one in plivo.far.calls()] == [BY_PLIVO]
        told = await http.get(f"{path}/{batch_id}/scheduled_calls")
        assert [one["medium"] for one in told.json()["results"]] == media

        unknown = {"telnyx": {"outgoing": {"to": BY_PLIVO, "from": CALLER_ID}}}
        refusal = await http.post(path, json={"calls": [{"medium": media[0]}, {"medium": unknown}]})
        assert refusal.status_code == 400
        assert "There is no telnyx configuration." in refusal.text

        # A batch that was left to its webhook may have people who are dialled, too.
        theirs = {"calls": [{}], "webhookUrl": "https://hooks.example.com/ready", "paused": True}
        left = f"{path}/{(await http.post(path, json=theirs)).json()['batchId']}"
        calls = [{}, *({"medium": medium} for medium in media)]
        changed = await http.patch(left, json={"calls": calls})
        assert changed.status_code == 200, changed.text
        told = await http.get(f"{left}/scheduled_calls")
        assert [one["medium"] for one in told.json()["results"]] == [None, *media]


async def test_some_are_dialled_by_twilio_and_others_over_a_trunk_for_one_agent(
    tmp_path: Path,
) -> None:
    trunk, phone = FarTrunk(QUICK), FarAgent()
    async with (
        far_twilio() as twilio,
        listening(trunk),
        listening(phone),
        outdial(tmp_path, sip_listen=f"{LOOPBACK}:0") as server,
        httpx.AsyncClient(
            base_url=server.http_url, headers={"X-API-Key": OPERATOR_KEY}, timeout=30
        ) as http,
    ):
        await server.add_config(twilio.credentials(), name="main")
        await server.add_config(SipCredentials(proxy=trunk.where), "sip", name="trunk")
        agent = f"sip:ada@{phone.where}"
        path = f"/api/agents/{await server.add_agent(agent)}/scheduled_batches"
        media = [
            {"twilio": {"outgoing": {"to": BY_TWILIO, "from": CALLER_ID}}},
            {"sip": {"outgoing": {"to": "sip:ann@example.org", "from": "ada"}}},
        ]
        made = await http.post(path, json={"calls": [{"medium": medium} for medium in media]})
        assert made.status_code == 201, made.text
        batch_id = made.json()["batchId"]
        await watch_to_the_end(server.channel, KEY, batch_id)
        (asked,) = twilio.far.requests
        assert asked["To"] == [BY_TWILIO]
        assert f"<Dial><Sip>{agent}</Sip></Dial>" in asked["Twiml"][0]
        (invite,) = phone.heard("INVITE")
        assert invite.start.startswith(f"INVITE {agent}")
        calls = (await server("ListCalls", batch_id=batch_id)).calls
        assert {(one.address, one.carrier, one.disposition) for one in calls} == {
            (BY_TWILIO, "twilio", Disposition.DISPOSITION_ANSWERED_HUMAN),
            ("sip:ann@example.org", "sip", Disposition.DISPOSITION_ANSWERED_HUMAN),
        }
        told = await http.get(f"{path}/{batch_id}/scheduled_calls")
        assert [one["medium"] for one in told.json()["results"]] == media
        trunk.switch.close()
