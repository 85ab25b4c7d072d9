"""Phone numbers from the SDK and the command."""

from outdial.v1.agent_pb2 import Agent, OutboundNumber
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import Batch, Rotation
from outdial.v1.batch_service_pb2 import GetBatchResponse, UpdateBatchResponse
from outdial.v1.phone_number_pb2 import PhoneNumber, PhoneNumberCapability
from outdial.v1.phone_number_service_pb2 import (
    BindPhoneNumberResponse,
    CreatePhoneNumberResponse,
    DeletePhoneNumberResponse,
    ListPhoneNumbersResponse,
    UnbindPhoneNumberResponse,
    UpdatePhoneNumberResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, NewBatch, NewPhoneNumber

OUTBOUND = PhoneNumberCapability.PHONE_NUMBER_CAPABILITY_OUTBOUND_VOICE
SMS = PhoneNumberCapability.PHONE_NUMBER_CAPABILITY_SMS
FRONT = PhoneNumber(
    phone_number_id="n-1",
    address="+15550001111",
    display_name="front desk",
    active=True,
    capabilities=[OUTBOUND, SMS],
    max_concurrent_calls=5,
    etag='"1"',
)
ADA = Agent(
    agent_id="a-1",
    display_name="Ada",
    active=True,
    outbound_numbers=[OutboundNumber(phone_number_id="n-1", address="+15550001111")],
)


async def test_a_number_is_made_from_what_it_is_alone(far_end: FarEnd) -> None:
    far_end.answer("CreatePhoneNumber", CreatePhoneNumberResponse(phone_number=FRONT))
    async with Client(far_end.address) as client:
        assert await client.phone_numbers.create("+15550001111") == FRONT
    (request,) = far_end.requests("CreatePhoneNumber")
    assert request.phone_number == PhoneNumber(address="+15550001111", active=True)
    assert request.request_id


async def test_more_can_be_said_of_a_number(far_end: FarEnd) -> None:
    far_end.answer("CreatePhoneNumber", CreatePhoneNumberResponse(phone_number=FRONT))
    new = NewPhoneNumber(
        address="+15550001111",
        display_name="front desk",
        active=False,
        capabilities=[SMS],
        max_concurrent_calls=5,
        carrier_config="main",
        metadata={"desk": "1"},
    )
    async with Client(far_end.address) as client:
        await client.phone_numbers.create(new, request_id="r")
    (request,) = far_end.requests("CreatePhoneNumber")
    assert request.phone_number == PhoneNumber(
        address="+15550001111",
        display_name="front desk",
        active=False,
        capabilities=[SMS],
        max_concurrent_calls=5,
        carrier_config="main",
        metadata={"desk": "1"},
    )


async def test_a_place_is_sent_only_when_it_is_given(far_end: FarEnd) -> None:
    far_end.answer("BindPhoneNumber", BindPhoneNumberResponse(phone_number=FRONT))
    async with Client(far_end.address) as client:
        await client.phone_numbers.bind("n-1", "a-1")
        await client.phone_numbers.bind("n-1", "a-1", place=0)
    behind, first = far_end.requests("BindPhoneNumber")
    assert not behind.HasField("place")
    assert first.HasField("place")
    assert (first.phone_number_id, first.agent_id, first.place) == ("n-1", "a-1", 0)


async def test_a_number_is_made_and_shown(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("CreatePhoneNumber", CreatePhoneNumberResponse(phone_number=FRONT))
    far_end.answer("ListPhoneNumbers", ListPhoneNumbersResponse(phone_numbers=[FRONT]))
    made = await outdial(
        *("number", "create", "+15550001111", "--name", "front desk", "--max-concurrent", "5"),
        *("--capability", "outbound-voice", "--capability", "sms"),
    )
    assert made.exit_code == 0, made.output
    wanted = far_end.requests("CreatePhoneNumber")[0].phone_number
    assert list(wanted.capabilities) == [OUTBOUND, SMS]
    assert (wanted.display_name, wanted.max_concurrent_calls) == ("front desk", 5)
    for words in (("show", "+15550001111"), ("list",)):
        shown = await outdial("number", *words)
        assert "+15550001111" in shown.stdout
        assert "front desk" in shown.stdout


async def test_a_number_is_changed_and_deleted_by_what_it_is(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("ListPhoneNumbers", ListPhoneNumbersResponse(phone_numbers=[FRONT]))
    far_end.answer("UpdatePhoneNumber", UpdatePhoneNumberResponse(phone_number=FRONT))
    far_end.answer("DeletePhoneNumber", DeletePhoneNumberResponse())
    changed = await outdial("number", "update", "+15550001111", "--inactive")
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("UpdatePhoneNumber")
    assert list(request.update_mask.paths) == ["active"]
    assert not request.phone_number.active
    assert (request.phone_number.phone_number_id, request.phone_number.etag) == ("n-1", '"1"')
    assert (await outdial("number", "update", "+15550001111")).exit_code == 2
    deleted = await outdial("number", "delete", "+15550001111")
    assert deleted.exit_code == 0, deleted.output
    assert far_end.requests("DeletePhoneNumber")[0].phone_number_id == "n-1"


async def test_a_number_that_was_refused_is_shown_as_such_and_used_again(
    far_end: FarEnd, outdial: Outdial
) -> None:
    held = PhoneNumber(active=True, held_reason="CALLER_ID_REFUSED", last_failure="TWILIO_21212")
    held.MergeFrom(FRONT)
    far_end.answer("ListPhoneNumbers", ListPhoneNumbersResponse(phone_numbers=[held]))
    far_end.answer("UpdatePhoneNumber", UpdatePhoneNumberResponse(phone_number=FRONT))
    shown = await outdial("number", "show", "+15550001111")
    assert "caller id refused (TWILIO_21212)" in shown.stdout
    used = await outdial("number", "update", "+15550001111", "--resume")
    assert used.exit_code == 0, used.output
    (request,) = far_end.requests("UpdatePhoneNumber")
    assert list(request.update_mask.paths) == ["held_until"]


async def test_a_number_is_bound_and_unbound_by_names(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListPhoneNumbers", ListPhoneNumbersResponse(phone_numbers=[FRONT]))
    far_end.answer("ListAgents", ListAgentsResponse(agents=[ADA]))
    far_end.answer("BindPhoneNumber", BindPhoneNumberResponse(phone_number=FRONT))
    far_end.answer("UnbindPhoneNumber", UnbindPhoneNumberResponse(phone_number=FRONT))
    bound = await outdial("number", "bind", "+15550001111", "Ada", "--place", "2")
    assert bound.exit_code == 0, bound.output
    (request,) = far_end.requests("BindPhoneNumber")
    assert (request.phone_number_id, request.agent_id, request.place) == ("n-1", "a-1", 2)
    assert (await outdial("number", "unbind", "+15550001111")).exit_code == 0
    listed = await outdial("number", "list", "--agent", "Ada")
    assert listed.exit_code == 0, listed.output
    assert far_end.requests("ListPhoneNumbers")[-1].agent_id == "a-1"
    shown = await outdial("agent", "show", "Ada")
    assert "+15550001111" in shown.stdout


def test_a_new_batch_lists_its_numbers_and_says_how_they_take_turns() -> None:
    new = NewBatch(
        agent_id="a",
        display_name="b",
        phone_numbers=["n-1", "+15550002222"],
        rotation=Rotation.ROTATION_ROUND_ROBIN,
    )
    message = new.to_message()
    assert list(message.phone_numbers) == ["n-1", "+15550002222"]
    assert message.rotation == Rotation.ROTATION_ROUND_ROBIN


async def test_the_numbers_of_a_batch_are_changed_and_shown(
    far_end: FarEnd, outdial: Outdial
) -> None:
    batch = Batch(
        batch_id="b-1", phone_numbers=["n-1", "n-2"], rotation=Rotation.ROTATION_SEQUENTIAL
    )
    far_end.answer("GetBatch", GetBatchResponse(batch=batch))
    far_end.answer("UpdateBatch", UpdateBatchResponse(batch=batch))
    changed = await outdial(
        *("batch", "update", "b-1", "--number", "n-1", "--number", "+15550002222"),
        *("--rotation", "sequential"),
    )
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("UpdateBatch")
    assert set(request.update_mask.paths) == {"phone_numbers", "rotation"}
    assert list(request.batch.phone_numbers) == ["n-1", "+15550002222"]
    back = await outdial("batch", "update", "b-1", "--clear", "phone_numbers")
    assert back.exit_code == 0, back.output
    assert list(far_end.requests("UpdateBatch")[1].update_mask.paths) == ["phone_numbers"]
    shown = await outdial("batch", "show", "b-1")
    assert "n-1, n-2" in shown.stdout
    assert "sequential" in shown.stdout
