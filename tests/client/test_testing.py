"""The server that users start in their own tests."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from outdial_client import Disposition, NewBatch, NewCall, UnavailableError
from outdial_client import testing as outdial_testing
from outdial_client.testing import (
    ServerNotInstalledError,
    ServerStartError,
    running_server,
)

ROOT = Path(__file__).parents[2]


async def test_one_line_gives_a_server_to_async_tests() -> None:
    async with running_server(settings={"log_level": "error"}) as server, server.client() as client:
        info = await client.server_info()
        assert list(info.carriers) == ["simulated", "twilio", "telnyx", "plivo"]
        agent = await client.agents.create("Reminder")
        created = await client.batches.create(
            NewBatch(agent_id=agent.agent_id, display_name="Monday"),
            [NewCall(address="+12025550100"), NewCall(address="+12025550102")],
        )
        batch = await client.batches.wait_until_ended(created.batch.batch_id)
        assert (batch.counts.completed, batch.counts.failed) == (1, 1)
    async with server.client() as client:
        with pytest.raises(UnavailableError):
            await client.agents.delete(agent.agent_id)


async def test_waiting_for_an_end_that_does_not_come_stops_after_its_time() -> None:
    async with running_server() as server, server.client() as client:
        agent = await client.agents.create("Reminder")
        batch = NewBatch(agent_id=agent.agent_id, display_name="Monday")
        created = await client.batches.create(batch, [NewCall(address="+12025550100")], draft=True)
        with pytest.raises(TimeoutError):
            await client.batches.wait_until_ended(
                created.batch.batch_id, timeout=timedelta(milliseconds=1)
            )


def test_the_carrier_does_what_a_test_says() -> None:
    answered_by_machines = {"magic_numbers": False, "answered_machine": 1, "answered_human": 0}
    with running_server(carrier=answered_by_machines) as server, server.client() as client:
        agent = client.agents.create("Reminder")
        batch = NewBatch(agent_id=agent.agent_id, display_name="Monday")
        created = client.batches.create(batch, [NewCall(address="+12025550100")])
        client.batches.wait_until_ended(created.batch.batch_id)
        (result,) = client.scheduled_calls.export(created.batch.batch_id)
        assert result.call.disposition == Disposition.DISPOSITION_ANSWERED_MACHINE


def test_a_setting_that_is_wrong_is_told() -> None:
    with pytest.raises(ServerStartError, match="OUTDIAL_SIMULATE_PROFILE"):
        running_server(carrier={"busy": "often"}).__enter__()


def test_variables_of_the_tests_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_DATABASE_URL", "nonsense")
    with running_server() as server:
        assert server.address.startswith("127.0.0.1:")


def test_without_the_server_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerNotInstalledError, match="pip install outdial"):
        running_server().__enter__()


async def test_a_start_that_is_cancelled_leaves_no_server() -> None:
    context = running_server()
    entering = asyncio.ensure_future(context.__aenter__())
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert context._process._process is None


ABANDONING = """
import os, signal
from outdial_client.testing import running_server
context = running_server()
context.__enter__()
print(context._process._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a stranger by its pidfd")
def test_it_ends_when_the_tests_are_killed() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ABANDONING], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    server = os.pidfd_open(int(process.stdout.readline()))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    ended, _, _ = select.select([server], [], [], 60)
    os.close(server)
    assert ended


def test_the_example_that_users_copy_runs(tmp_path: Path) -> None:
    example = tmp_path / "test_reminders.py"
    example.write_text((ROOT / "examples" / "test_reminders.py").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", tmp_path, example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_its_names_are_public() -> None:
    assert all(hasattr(outdial_testing, name) for name in outdial_testing.__all__)
