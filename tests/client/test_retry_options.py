"""Retry policies as callers write them, and as they are shown."""

import re
from datetime import timedelta

import pytest
import typer
from google.protobuf.duration_pb2 import Duration
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import (
    AddScheduledCallsResponse,
    CreateBatchResponse,
    GetBatchResponse,
    UpdateBatchResponse,
)
from outdial.v1.retry_policy_pb2 import RetryBackoff as BackoffMessage
from outdial.v1.retry_policy_pb2 import RetryPolicy as PolicyMessage
from outdial.v1.retry_policy_pb2 import RetryRule
from outdial.v1.scheduled_call_pb2 import Disposition

from client.command_line import Outdial
from client.far_end import FarEnd
from client.people import AGENT_ID, BATCH, BATCH_ID
from outdial_client import (
    Client,
    NewBatch,
    NewCall,
    RetryBackoff,
    RetryCallerId,
    RetryPolicy,
)
from outdial_client.cli._retry_rules import parse_retry_policy, retry_words

BUSY, NO_ANSWER = Disposition.DISPOSITION_BUSY, Disposition.DISPOSITION_NO_ANSWER


AGENT = Agent(agent_id=AGENT_ID, display_name="Reminder")


def seconds(*lengths: int) -> list[Duration]:
    return [Duration(seconds=length) for length in lengths]


POLICY = PolicyMessage(
    max_attempts=4,
    rules=[
        RetryRule(disposition=NO_ANSWER, delays=seconds(900, 3600)),
        RetryRule(disposition=BUSY, delays=seconds(300)),
    ],
)


async def test_the_sdk_sends_a_policy(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateBatch", CreateBatchResponse(batch=Batch(batch_id="b-1")))
    policy = RetryPolicy(
        rules={
            NO_ANSWER: [timedelta(minutes=15), timedelta(hours=1)],
            BUSY: RetryBackoff(
                initial=timedelta(minutes=5), multiplier=3, cap=timedelta(hours=2), jitter=0.2
            ),
        },
        max_attempts=4,
    )
    new = NewBatch(agent_id="a", display_name="b", retry_policy=policy)
    await client.batches.create(new)
    (request,) = far_end.requests("CreateBatch")
    (backoff,) = seconds(300)
    (cap,) = seconds(7200)
    assert request.batch.retry_policy == PolicyMessage(
        max_attempts=4,
        rules=[
            RetryRule(disposition=NO_ANSWER, delays=seconds(900, 3600)),
            RetryRule(
                disposition=BUSY,
                backoff=BackoffMessage(initial=backoff, multiplier=3, cap=cap, jitter=0.2),
            ),
        ],
    )


async def test_without_a_policy_none_is_sent(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateBatch", CreateBatchResponse(batch=Batch(batch_id="b-1")))
    await client.batches.create(NewBatch(agent_id="a", display_name="b"))
    assert not far_end.requests("CreateBatch")[0].batch.HasField("retry_policy")


async def test_the_command_makes_a_batch_with_rules(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListAgents", ListAgentsResponse(agents=[AGENT]))
    far_end.answer("CreateBatch", CreateBatchResponse(batch=BATCH))
    created = await outdial(
        *("batch", "create", "Monday", "--agent", "Reminder"),
        *("--retry", "no_answer=15m,1h", "--retry", "busy=5m", "--max-attempts", "4"),
    )
    assert created.exit_code == 0, created.output
    assert far_end.requests("CreateBatch")[0].batch.retry_policy == POLICY


async def test_the_number_of_later_calls_and_a_persons_ring_time_are_sent(
    far_end: FarEnd, client: Client, outdial: Outdial
) -> None:
    far_end.answer("CreateBatch", CreateBatchResponse(batch=BATCH))
    far_end.answer("AddScheduledCalls", AddScheduledCallsResponse(batch=BATCH))
    far_end.answer("ListAgents", ListAgentsResponse(agents=[AGENT]))
    again = RetryCallerId.RETRY_CALLER_ID_CHOOSE_AGAIN
    await client.batches.create(
        NewBatch(agent_id="a", display_name="b", retry_caller_id=again),
        [NewCall(address="+15551230001", ring_timeout=timedelta(seconds=12))],
    )
    await outdial(
        *("batch", "create", "Monday", "--agent", "Reminder"),
        *("--retry-caller-id", "choose-again"),
    )
    await outdial("batch", "add", BATCH_ID, "+15551230001", "--ring-timeout", "12")
    by_sdk, by_command = far_end.requests("CreateBatch")
    assert by_sdk.batch.retry_caller_id == by_command.batch.retry_caller_id == again
    (added,) = far_end.requests("AddScheduledCalls")
    rings = [request.scheduled_calls[0].ring_timeout for request in (by_sdk, added)]
    assert rings == seconds(12) * 2


async def test_the_command_shows_changes_and_clears_rules(
    far_end: FarEnd, outdial: Outdial
) -> None:
    batch = Batch(batch_id=BATCH_ID, display_name="Monday", retry_policy=POLICY)
    far_end.answer("GetBatch", GetBatchResponse(batch=batch))
    far_end.answer("UpdateBatch", UpdateBatchResponse(batch=batch))
    shown = await outdial("batch", "show", BATCH_ID)
    assert "no-answer=15m,1h busy=5m, 4 tries at most" in shown.stdout
    await outdial("batch", "update", BATCH_ID, "--retry", "busy=90s..1h")
    await outdial("batch", "update", BATCH_ID, "--clear", "retry_policy")
    changed, cleared = far_end.requests("UpdateBatch")
    assert list(changed.update_mask.paths) == ["retry_policy"]
    assert changed.batch.retry_policy.rules[0].backoff.initial == Duration(seconds=90)
    assert list(cleared.update_mask.paths) == ["retry_policy"]
    assert not cleared.batch.HasField("retry_policy")


@pytest.mark.parametrize(
    "words",
    [
        "no-answer=15m,1h busy=5m",
        "busy=90s rejected=2d",
        "busy=5m..2h",
        "failed=5m..1dx3~0.2",
        "unjoined=1s..30dx1.5",
    ],
)
def test_rules_are_shown_as_they_are_typed(words: str) -> None:
    policy = parse_retry_policy(words.split(), 5)
    assert policy is not None
    assert retry_words(policy.to_message()) == f"{words}, 5 tries at most"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["busy"], "is not of the form no-answer=15m,1h"),
        (["busy="], "is not of the form no-answer=15m,1h"),
        (["sleepy=5m"], "'sleepy' is none of answered-human"),
        (["busy=5"], "'5' is no length of time such as 90s, 15m, 1h or 2d"),
        (["busy=5m,soon"], "'soon' is no length of time"),
        (["busy=5m..2hx1.2.3"], "is not of the form 5m..2h"),
        (["busy=5m", "busy=1h"], "busy is there twice"),
    ],
)
def test_a_rule_that_cannot_be_read_is_told_so(words: list[str], hint: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(hint)):
        parse_retry_policy(words, None)


async def test_a_budget_without_rules_is_a_usage_error(outdial: Outdial) -> None:
    result = await outdial("batch", "update", BATCH_ID, "--max-attempts", "4")
    assert result.exit_code == 2
    assert "--max-attempts is for --retry" in result.stderr
