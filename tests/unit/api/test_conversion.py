"""Conversion of what has no way round through a store."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import Parse
from google.protobuf.struct_pb2 import Struct
from outdial.v1 import error_reason_pb2
from outdial.v1.account_pb2 import Account
from outdial.v1.agent_pb2 import Agent
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_server.api.conversion import enums
from outdial_server.api.conversion.account import account_change
from outdial_server.api.conversion.agent import agent_change
from outdial_server.api.conversion.enums import EnumPair
from outdial_server.api.conversion.event import event_to_message
from outdial_server.api.conversion.ids import canonical
from outdial_server.api.conversion.scheduled_call import raw_row
from outdial_server.api.conversion.struct import json_text, struct
from outdial_server.api.conversion.times import duration, moment, span, timestamp
from outdial_server.domain.account import AccountChange
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch import BatchState
from outdial_server.domain.errors import InvalidFieldsError, Reason
from outdial_server.domain.event import BatchAfter, Event, EventType
from outdial_server.domain.medium import Medium
from outdial_server.domain.number_rules import NO_NUMBER_RULES
from outdial_server.domain.row_checks import RawRow

PAIRS = {name: pair for name, pair in vars(enums).items() if isinstance(pair, EnumPair)}


@pytest.mark.parametrize("name", PAIRS)
def test_each_value_of_an_enum_has_its_partner(name: str) -> None:
    pair = PAIRS[name]
    for value in pair.domain:
        number = pair.to_message(value)
        assert pair.from_message(number, "path", default=value) is value
    numbers = {number for number in pair.message.values() if number}
    assert numbers == {pair.to_message(v) for v in pair.domain} - {0}


def test_each_reason_has_a_name_on_the_wire() -> None:
    on_wire = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    names = {name.removeprefix("ERROR_REASON_") for name in on_wire}
    assert names == {reason.value for reason in Reason} | {"UNSPECIFIED", "INTERNAL"}


@pytest.mark.parametrize(
    "json",
    ["", '{"a":1}', '{"a":[1,2.5,"x",null,true,{"b":[]}]}', '{"big":9007199254740992}'],
)
def test_a_context_keeps_its_text(json: str) -> None:
    message = struct(json)
    assert json_text(message or Struct(), "path") == json


def test_numbers_beyond_exact_integers_stay_doubles() -> None:
    message = Parse('{"n": 1e300}', Struct())
    assert json_text(message, "path") == '{"n":1e+300}'


def test_times_keep_their_microseconds() -> None:
    at = datetime(1969, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)
    message = timestamp(at)
    assert message is not None
    assert moment(message, "path") == at
    assert timestamp(None) is None


def test_durations_keep_their_microseconds() -> None:
    value = timedelta(days=1, microseconds=1)
    assert span(duration(value), "path") == value


def test_a_duration_finer_than_microseconds_is_refused() -> None:
    with pytest.raises(InvalidFieldsError, match="path"):
        span(Duration(nanos=1), "path")


def test_ids_have_one_spelling() -> None:
    assert canonical("01A1FCC8B65271AC9FF467A8551AC18F") == "01a1fcc8-b652-71ac-9ff4-67a8551ac18f"
    assert canonical("nonsense") == "nonsense"


def test_a_mask_can_name_a_field_to_clear_it() -> None:
    present = AgentFields("Ada", 5, {"a": "b"})
    change = agent_change(Agent(), FieldMask(paths=["max_concurrent_calls", "metadata"]))
    assert change(present) == AgentFields("Ada", None, {})


def test_a_star_names_all_fields() -> None:
    change = account_change(Account(display_name="x"), FieldMask(paths=["*"]))
    assert change == AccountChange("x", 0, 0, NO_NUMBER_RULES)


def test_a_batch_change_with_nothing_in_it_is_still_a_change() -> None:
    after = BatchAfter(int(BatchState.DRAFT), "", "", 0)
    event = Event(1, datetime(2026, 1, 1, tzinfo=UTC), EventType.BATCH_CREATED, "", after)
    assert event_to_message(event).WhichOneof("change") == "batch"


def test_each_value_of_a_scheduled_call_is_found_under_its_name_in_its_row() -> None:
    text = """{
      "address": "+15550001234",
      "customId": "custom",
      "timeZone": "Europe/Vienna",
      "priority": 3,
      "callerId": "+15550009999",
      "templateContext": {"context": "c"},
      "metadata": {"key": "text"},
      "ringTimeout": "20s",
      "maxCallDuration": "600s",
      "annotations": {"annotation": "a"},
      "carrierParams": {"param": "p"},
      "medium": "MEDIUM_WEBHOOK",
      "carrierConfig": "config"
    }"""
    assert raw_row(Parse(text, ScheduledCall())) == RawRow(
        address="+15550001234",
        custom_id="custom",
        time_zone="Europe/Vienna",
        priority=3,
        caller_id="+15550009999",
        template_context_json='{"context":"c"}',
        metadata={"key": "text"},
        ring_timeout=timedelta(seconds=20),
        max_call_duration=timedelta(seconds=600),
        annotations_json='{"annotation":"a"}',
        carrier_params={"param": "p"},
        medium=Medium.WEBHOOK,
        carrier_config="config",
    )
