"""Wrong requests to PhoneNumberService."""

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest as Message
from outdial.v1.import_pb2 import ImportOptions
from outdial.v1.phone_number_pb2 import PhoneNumber
from tests.integration.wrong_requests.batch_rows import creating
from tests.integration.wrong_requests.world import World
from tests.integration.wrong_requests.wrong import (
    UNKNOWN_ID,
    faulty,
    misfit,
    no_such_id,
    outdated,
    taken,
    unfound,
)


def importing(world: World, number: str) -> dict[str, Any]:
    batch = Batch(agent_id=world.ours.agent_id, display_name="x", phone_numbers=[number])
    return {"request": [Message(options=ImportOptions(new_batch=batch))]}


ROWS = [
    faulty(
        "nothing", "CreatePhoneNumber", lambda w: {}, "phone_number.address", says="is required"
    ),
    faulty(
        "every field wrong",
        "CreatePhoneNumber",
        lambda w: {
            "phone_number": PhoneNumber(
                address="0155512345",
                display_name="x" * 65,
                max_concurrent_calls=100_001,
                metadata={"": "x"},
            )
        },
        "phone_number.address",
        "phone_number.display_name",
        "phone_number.max_concurrent_calls",
        "phone_number.metadata",
    ),
    faulty(
        "a capability that is none",
        "CreatePhoneNumber",
        lambda w: {
            "phone_number": PhoneNumber(address="+15554000009", capabilities=[1, 99])  # type: ignore[list-item]
        },
        "phone_number.capabilities[1]",
    ),
    unfound(
        "a carrier config that the account does not have",
        "CreatePhoneNumber",
        lambda w: {"phone_number": PhoneNumber(address="+15554000009", carrier_config="none")},
        "CARRIER_CONFIG_NOT_FOUND",
    ),
    taken(
        "a number that is there",
        "CreatePhoneNumber",
        lambda w: {"phone_number": PhoneNumber(address="+1 555 400-0002")},
        "PHONE_NUMBER_TAKEN",
    ),
    faulty("no id", "GetPhoneNumber", lambda w: {}, "phone_number_id", says="is required"),
    *no_such_id(
        "GetPhoneNumber",
        "PHONE_NUMBER_NOT_FOUND",
        lambda w: w.their_number_id,
        lambda id_: {"phone_number_id": id_},
    ),
    faulty(
        "no id",
        "UpdatePhoneNumber",
        lambda w: {},
        "phone_number.phone_number_id",
        says="is required",
    ),
    *no_such_id(
        "UpdatePhoneNumber",
        "PHONE_NUMBER_NOT_FOUND",
        lambda w: w.their_number_id,
        lambda id_: {"phone_number": PhoneNumber(phone_number_id=id_, display_name="x")},
    ),
    faulty(
        "another number",
        "UpdatePhoneNumber",
        lambda w: {
            "phone_number": PhoneNumber(phone_number_id=w.free_number_id, address="+15554000003"),
            "update_mask": FieldMask(paths=["address"]),
        },
        "update_mask",
    ),
    faulty(
        "a hold that is to begin",
        "UpdatePhoneNumber",
        lambda w: {
            "phone_number": PhoneNumber(
                phone_number_id=w.free_number_id, held_until=Timestamp(seconds=1)
            ),
            "update_mask": FieldMask(paths=["held_until"]),
        },
        "phone_number.held_until",
        says="can only be lifted",
    ),
    faulty(
        "a limit below 0",
        "UpdatePhoneNumber",
        lambda w: {
            "phone_number": PhoneNumber(phone_number_id=w.free_number_id, max_concurrent_calls=-1)
        },
        "phone_number.max_concurrent_calls",
    ),
    outdated(
        "an old etag",
        "UpdatePhoneNumber",
        lambda w: {
            "phone_number": PhoneNumber(
                phone_number_id=w.free_number_id, display_name="x", etag='"0"'
            )
        },
    ),
    faulty("no id", "DeletePhoneNumber", lambda w: {}, "phone_number_id", says="is required"),
    *no_such_id(
        "DeletePhoneNumber",
        "PHONE_NUMBER_NOT_FOUND",
        lambda w: w.their_number_id,
        lambda id_: {"phone_number_id": id_},
    ),
    faulty("no ids", "BindPhoneNumber", lambda w: {}, "phone_number_id", says="is required"),
    faulty(
        "no agent",
        "BindPhoneNumber",
        lambda w: {"phone_number_id": w.free_number_id},
        "agent_id",
        says="is required",
    ),
    *no_such_id(
        "BindPhoneNumber",
        "PHONE_NUMBER_NOT_FOUND",
        lambda w: w.their_number_id,
        lambda id_: {"phone_number_id": id_, "agent_id": UNKNOWN_ID},
    ),
    unfound(
        "an agent of another account",
        "BindPhoneNumber",
        lambda w: {"phone_number_id": w.free_number_id, "agent_id": w.theirs.agent_id},
        "AGENT_NOT_FOUND",
    ),
    faulty(
        "a place below 0",
        "BindPhoneNumber",
        lambda w: {
            "phone_number_id": w.free_number_id,
            "agent_id": w.ours.agent_id,
            "place": -1,
        },
        "place",
    ),
    misfit(
        "a number that another agent has",
        "BindPhoneNumber",
        lambda w: {"phone_number_id": w.bound_number_id, "agent_id": w.ours.agent_id},
        "PHONE_NUMBER_BOUND",
        says="bound to the agent 'Calls from one'",
    ),
    misfit(
        "one too many",
        "BindPhoneNumber",
        lambda w: {"phone_number_id": w.free_number_id, "agent_id": w.full_agent_id},
        "TOO_MANY_NUMBERS",
        says="may have no more",
    ),
    faulty("no id", "UnbindPhoneNumber", lambda w: {}, "phone_number_id", says="is required"),
    *no_such_id(
        "UnbindPhoneNumber",
        "PHONE_NUMBER_NOT_FOUND",
        lambda w: w.their_number_id,
        lambda id_: {"phone_number_id": id_},
    ),
    faulty(
        "an address with NUL",
        "ListPhoneNumbers",
        lambda w: {"address": "+1\0"},
        "address",
    ),
    faulty(
        "a token of another list",
        "ListPhoneNumbers",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
    misfit(
        "a number that a batch lists",
        "DeletePhoneNumber",
        lambda w: {"phone_number_id": w.resting_number_id},
        "PHONE_NUMBER_IN_USE",
        says="the batch 'list' lists the number",
    ),
    faulty(
        "numbers that are none",
        "CreateBatch",
        creating(phone_numbers=["", "+1", "x" * 65, "a\0"]),
        "batch.phone_numbers[0]",
        "batch.phone_numbers[1]",
        "batch.phone_numbers[2]",
        "batch.phone_numbers[3]",
    ),
    faulty(
        "more numbers than there may be",
        "CreateBatch",
        creating(phone_numbers=[UNKNOWN_ID] * 101),
        "batch.phone_numbers",
    ),
    faulty(
        "an unknown rotation",
        "CreateBatch",
        creating(rotation=99),
        "batch.rotation",
    ),
    unfound(
        "a number of another account",
        "CreateBatch",
        lambda w: creating(phone_numbers=[w.their_number_id])(w),
        "PHONE_NUMBER_NOT_FOUND",
    ),
    unfound(
        "a number that the account does not have",
        "UpdateBatch",
        lambda w: {"batch": Batch(batch_id=w.ours.draft_id, phone_numbers=["+15554999999"])},
        "PHONE_NUMBER_NOT_FOUND",
    ),
    unfound(
        "a number of another account",
        "ImportScheduledCalls",
        lambda w: importing(w, w.their_number_id),
        "PHONE_NUMBER_NOT_FOUND",
    ),
    misfit(
        "numbers none of which is active",
        "CreateBatch",
        lambda w: creating(phone_numbers=[w.resting_number_id])(w),
        "NO_USABLE_NUMBER",
    ),
    misfit(
        "numbers none of which is active",
        "ImportScheduledCalls",
        lambda w: importing(w, w.resting_number_id),
        "NO_USABLE_NUMBER",
    ),
    misfit(
        "a draft none of whose numbers is active",
        "StartBatch",
        lambda w: {"batch_id": w.listing_draft_id},
        "NO_USABLE_NUMBER",
    ),
]
