"""Completion in a real bash, and what the other shells are given."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_service_pb2 import ListBatchesResponse

from client.far_end import FarEnd, Refusal
from client.people import BATCH, BATCH_ID

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="there is no bash")

SCRIPT = "completion.bash"

# Sets up what a Tab would, and prints what it offers.
PRESS_TAB = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
# The arguments that bash gives: the command, the word, and the one before.
_outdial_completion outdial "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`outdial` on the path."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "outdial"
    command.write_text(
        f'#!{BASH}\nexec {sys.executable} -c "from outdial_client.cli.main import app; '
        'app(prog_name=\'outdial\')" "$@"\n'
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    plain = {name: text for name, text in os.environ.items() if not name.startswith("OUTDIAL_")}
    return {
        **plain,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }


@pytest.fixture(scope="module")
def bash_script(installed: dict[str, str]) -> str:
    """What it gives a bash to read."""
    asking = installed | {"_OUTDIAL_COMPLETE": "source_bash"}
    asked = subprocess.run(["outdial"], env=asking, capture_output=True, text=True, check=False)
    return asked.stdout


@pytest.fixture
def environment(
    far_end: FarEnd, tmp_path: Path, installed: dict[str, str], bash_script: str
) -> dict[str, str]:
    """A home of its own, where that script is kept."""
    (tmp_path / SCRIPT).write_text(bash_script)
    return {
        **installed,
        "HOME": str(tmp_path),
        "OUTDIAL_ADDRESS": far_end.address,
        "OUTDIAL_API_KEY": "key-1",
    }


async def run(environment: Mapping[str, str], *words: str) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        *words,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    return stdout.decode(), stderr.decode()


async def offered(environment: Mapping[str, str], *words: str) -> list[str]:
    script = Path(environment["HOME"]) / SCRIPT
    assert BASH is not None
    press = ("--norc", "-c", PRESS_TAB, "bash", str(script), "outdial", *words)
    stdout, stderr = await run(environment, BASH, *press)
    assert stderr == ""
    return stdout.split("\n")[:-1] if stdout.strip() else []


def write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (("ba",), ["batch"]),
        (("batch", "re"), ["retry-failed", "resume"]),
        (("--json", "batch", "ex"), ["export"]),
        (("batch", "list", "--state", "ru"), ["running"]),
        (("batch", "import", "--skip"), ["--skip-bad-rows"]),
        (("call", "resolve", "c-1", "not"), ["not-placed"]),
        (("config", "set", "ca"), ["ca_cert"]),
    ],
)
async def test_words_are_completed(
    environment: dict[str, str], words: tuple[str, ...], offers: list[str]
) -> None:
    assert sorted(await offered(environment, *words)) == sorted(offers)


async def test_ids_and_names_are_asked_of_the_server(
    far_end: FarEnd, environment: dict[str, str]
) -> None:
    far_end.answer("ListBatches", ListBatchesResponse(batches=[BATCH]))
    agents = [Agent(display_name="Reminder"), Agent(display_name="Front desk")]
    far_end.answer("ListAgents", ListAgentsResponse(agents=agents))
    assert await offered(environment, "batch", "pause", "01") == [BATCH_ID]
    assert await offered(environment, "batch", "pause", "02") == []
    assert await offered(environment, "agent", "show", "R") == ["Reminder"]
    assert await offered(environment, "agent", "show", "F") == ["Front\\ desk"]
    assert far_end.received["ListBatches"][0].metadata["x-api-key"] == "key-1"


async def test_options_that_stand_already_count(
    far_end: FarEnd, environment: dict[str, str]
) -> None:
    far_end.answer("ListBatches", ListBatchesResponse(batches=[BATCH]))
    elsewhere = environment | {"OUTDIAL_ADDRESS": "127.0.0.1:1"}
    words = ("--address", far_end.address, "--api-key", "typed", "watch", "")
    assert await offered(elsewhere, *words) == [BATCH_ID]
    assert far_end.received["ListBatches"][0].metadata["x-api-key"] == "typed"


async def test_errors_are_silent(far_end: FarEnd, environment: dict[str, str]) -> None:
    far_end.answer("ListBatches", Refusal())
    assert await offered(environment, "watch", "") == []
    await far_end.stop()
    assert await offered(environment, "watch", "") == []
    config = Path(environment["HOME"]) / "bad.toml"
    write(config, "not toml")
    assert await offered(environment | {"OUTDIAL_CONFIG": str(config)}, "watch", "") == []


async def test_a_server_that_does_not_answer_is_not_waited_for(
    far_end: FarEnd, environment: dict[str, str]
) -> None:
    async def never(request: object) -> Refusal:
        await asyncio.Event().wait()
        return Refusal()

    far_end.answer("ListBatches", never)
    assert await offered(environment, "watch", "") == []


@pytest.mark.parametrize(
    ("shell", "mark"),
    [
        ("bash", "complete -o default -F _outdial_completion outdial"),
        ("zsh", "#compdef outdial"),
        ("fish", "complete --command outdial"),
    ],
)
async def test_each_shell_gets_its_script(
    environment: dict[str, str], shell: str, mark: str
) -> None:
    script, _ = await run(environment | {"_OUTDIAL_COMPLETE": f"source_{shell}"}, "outdial")
    assert mark in script


@pytest.mark.parametrize(
    ("shell", "typed"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "outdial ba"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "outdial ba", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
async def test_zsh_and_fish_are_answered_as_they_ask(
    environment: dict[str, str], shell: str, typed: dict[str, str]
) -> None:
    asking = {"_OUTDIAL_COMPLETE": f"complete_{shell}", **typed}
    stdout, stderr = await run(environment | asking, "outdial")
    assert "batch" in stdout
    assert stderr == ""


async def test_bash_is_set_up_for_good(environment: dict[str, str]) -> None:
    assert BASH is not None
    said, _ = await run(environment, BASH, "--norc", "-c", "outdial --install-completion; true")
    assert "bash completion installed" in said
    # A new shell reads what was set up.
    answer = await run(environment, BASH, "-c", 'source "$HOME/.bashrc"; complete -p outdial')
    assert answer == ("complete -o default -F _outdial_completion outdial\n", "")
