"""Throttles from the SDK and the command."""

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule
from outdial.v1.throttle_service_pb2 import (
    CreateThrottleResponse,
    DeleteThrottleResponse,
    ListThrottlesResponse,
    UpdateThrottleResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, NewBatch

RULES = [
    ThrottleRule(max_calls=2, window=Duration(seconds=1)),
    ThrottleRule(max_calls=100, window=Duration(seconds=60)),
]
SLOW = Throttle(throttle_id="t-1", display_name="slow", rules=RULES, etag='"1"')


async def test_rules_are_given_as_calls_and_windows(far_end: FarEnd) -> None:
    far_end.answer("CreateThrottle", CreateThrottleResponse(throttle=SLOW))
    async with Client(far_end.address) as client:
        made = await client.throttles.create(
            "slow", [(2, timedelta(seconds=1)), (100, timedelta(minutes=1))]
        )
    assert made == SLOW
    (request,) = far_end.requests("CreateThrottle")
    assert list(request.throttle.rules) == RULES
    assert request.request_id


def test_a_new_batch_names_its_throttle() -> None:
    assert NewBatch(agent_id="a", display_name="b", throttle="slow").to_message().throttle == "slow"


async def test_a_throttle_is_made_and_shown(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("CreateThrottle", CreateThrottleResponse(throttle=SLOW))
    far_end.answer("ListThrottles", ListThrottlesResponse(throttles=[SLOW]))
    made = await outdial("throttle", "create", "slow", "--rule", "2/1", "--rule", "100/60")
    assert made.exit_code == 0, made.output
    assert list(far_end.requests("CreateThrottle")[0].throttle.rules) == RULES
    for words in (("show", "slow"), ("list",)):
        shown = await outdial("throttle", *words)
        assert "2/1, 100/60" in shown.stdout


@pytest.mark.parametrize("rule", ["2", "2/", "/1", "a/1", "2/1.5"])
async def test_a_rule_of_another_form_is_a_usage_error(outdial: Outdial, rule: str) -> None:
    result = await outdial("throttle", "create", "slow", "--rule", rule)
    assert result.exit_code == 2
    assert "CALLS/SECONDS" in result.stderr


async def test_a_throttle_is_changed_and_deleted_by_its_name(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("ListThrottles", ListThrottlesResponse(throttles=[SLOW]))
    far_end.answer("UpdateThrottle", UpdateThrottleResponse(throttle=SLOW))
    far_end.answer("DeleteThrottle", DeleteThrottleResponse())
    changed = await outdial("throttle", "update", "slow", "--rule", "5/1")
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("UpdateThrottle")
    assert list(request.update_mask.paths) == ["rules"]
    assert (request.throttle.throttle_id, request.throttle.etag) == ("t-1", '"1"')
    assert (await outdial("throttle", "update", "slow")).exit_code == 2
    deleted = await outdial("throttle", "delete", "slow")
    assert deleted.exit_code == 0, deleted.output
    assert far_end.requests("DeleteThrottle")[0].throttle_id == "t-1"
