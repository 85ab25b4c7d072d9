"""Batches that somebody else calls, from the SDK and the command."""

from pathlib import Path

from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import (
    CreateBatchResponse,
    GetBatchResponse,
    UpdateBatchResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, Medium, NewBatch, NewCall

URL, SECRET = "https://hooks.example.com/ready", "s3cr3t-s3cr3t"
MADE = Batch(batch_id="b-1", display_name="theirs", medium=Medium.MEDIUM_WEBHOOK, webhook_url=URL)


async def test_a_batch_says_who_is_told_and_each_person_may_say_otherwise(
    far_end: FarEnd,
) -> None:
    far_end.answer("CreateBatch", CreateBatchResponse(batch=MADE))
    batch = NewBatch(
        agent_id="a-1",
        display_name="theirs",
        medium=Medium.MEDIUM_WEBHOOK,
        webhook_url=URL,
        webhook_secret=SECRET,
    )
    assert SECRET not in repr(batch)
    person = NewCall(address="+15551230001", medium=Medium.MEDIUM_OUTGOING)
    async with Client(far_end.address) as client:
        await client.batches.create(batch, [person])
    (request,) = far_end.requests("CreateBatch")
    sent = request.batch
    assert (sent.medium, sent.webhook_url) == (Medium.MEDIUM_WEBHOOK, URL)
    assert sent.webhook_secret == SECRET
    assert request.scheduled_calls[0].medium == Medium.MEDIUM_OUTGOING


async def test_the_same_from_the_shell_and_the_secret_from_a_file(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    far_end.answer("ListAgents", ListAgentsResponse(agents=[Agent(agent_id="a-1")]))
    far_end.answer("CreateBatch", CreateBatchResponse(batch=MADE))
    far_end.answer("UpdateBatch", UpdateBatchResponse(batch=MADE))
    far_end.answer("GetBatch", GetBatchResponse(batch=MADE))
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    hook = ("--webhook-url", URL, "--webhook-secret", f"@{secret}")
    made = await outdial(
        "batch", "create", "theirs", "--agent", "Ada", "--medium", "webhook", *hook
    )
    assert made.exit_code == 0, made.output
    changed = await outdial("batch", "update", "b-1", "--webhook-secret", "another")
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("CreateBatch")
    assert request.batch.medium == Medium.MEDIUM_WEBHOOK
    assert request.batch.webhook_secret == SECRET
    (update,) = far_end.requests("UpdateBatch")
    assert list(update.update_mask.paths) == ["webhook_secret"]
    assert update.batch.webhook_secret == "another"
    shown = await outdial("batch", "show", "b-1")
    assert URL in shown.stdout
    assert SECRET not in shown.output
