"""The `outdial` command against a real server, in a terminal and out of one."""

import asyncio
import json
import os
import pty
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
KEY = "key-of-the-test-0123456789abcdef"
PEOPLE = 1_200


@dataclass(frozen=True)
class Terminal:
    """Runs the command as a person or a script would."""

    environment: dict[str, str]

    async def show(self, *words: str) -> tuple[int, str]:
        """Exit code, and all that a person was shown."""
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            BIN / "outdial",
            *words,
            env={**self.environment, "COLUMNS": "120", "TERM": "xterm-256color"},
            stdin=DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = await asyncio.to_thread(_read_all, ours)
        os.close(ours)
        return await process.wait(), shown

    async def pipe(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        process = await asyncio.create_subprocess_exec(
            BIN / "outdial", *words, env=self.environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        stdout, stderr = await process.communicate()
        assert process.returncode is not None
        return process.returncode, stdout.decode(), stderr.decode()


def _read_all(descriptor: int) -> str:
    pieces = []
    while True:
        try:
            piece = os.read(descriptor, 1 << 16)
        except OSError:
            # The other end is closed: Linux says so with an error.
            piece = b""
        if not piece:
            return b"".join(pieces).decode()
        pieces.append(piece)


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """With a config file that knows a server of its own."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("OUTDIAL_")}
    settings = {
        "OUTDIAL_DATABASE_URL": f"sqlite:///{tmp_path / 'outdial.db'}",
        "OUTDIAL_GRPC_LISTEN": "127.0.0.1:0",
        "OUTDIAL_HTTP_LISTEN": "127.0.0.1:0",
        "OUTDIAL_BOOTSTRAP_API_KEY": KEY,
        "OUTDIAL_SIMULATE_PROFILE": "fast,busy=20",
    }
    server = await asyncio.create_subprocess_exec(
        BIN / "outdial-server", "serve", "--simulate", env=plain | settings, stdout=PIPE
    )
    terminal = Terminal({**plain, "XDG_CONFIG_HOME": str(tmp_path)})
    try:
        address = await _announced(server)
        assert (await terminal.pipe("config", "set", "address", address))[0] == 0
        assert (await terminal.pipe("config", "set", "api_key", KEY))[0] == 0
        assert (await terminal.pipe("agent", "create", "Reminder"))[0] == 0
        yield terminal
    finally:
        if server.returncode is None:
            server.terminate()
        await server.communicate()


async def _announced(server: Process) -> str:
    assert server.stdout is not None
    address = ""
    while line := (await server.stdout.readline()).decode():
        if line.startswith("gRPC on "):
            address = line.removeprefix("gRPC on ").strip()
        if line.startswith("HTTP on "):
            return address
    raise AssertionError("the server did not start")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    rows = [f"+1555{number:07d},Name {number}" for number in range(PEOPLE)]
    path.write_text("\n".join(["phone,name", *rows, "nobody,Cy", rows[0]]) + "\n")
    return path


async def test_a_list_is_called_in_front_of_a_person(
    terminal: Terminal, people: Path, tmp_path: Path
) -> None:
    report = tmp_path / "refused.csv"
    code, shown = await terminal.show(
        *("batch", "import", str(people), "--agent", "Reminder", "--duplicates", "skip"),
        *("--skip-bad-rows", "--refused", str(report), "--follow"),
    )
    assert code == 0, shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(rf"people\.csv .*100% {PEOPLE + 2} rows in 0:\d\d", plain)
    assert f"{PEOPLE} to call; left out: 1 as bad, 1 as duplicates." in plain
    assert f"100% {PEOPLE} of {PEOPLE}" in plain
    assert f"Outcome: COMPLETED, {PEOPLE} calls" in plain
    # The cursor is given back as often as it was taken.
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 2
    assert "Traceback" not in shown
    assert len(report.read_text().splitlines()) == 3


async def test_a_script_reads_what_came_of_each_and_calls_again(
    terminal: Terminal, people: Path, tmp_path: Path
) -> None:
    said = await terminal.pipe(
        *("-q", "batch", "import", str(people), "--agent", "Reminder", "--skip-bad-rows"),
        *("--duplicates", "skip"),
    )
    assert (said[0], said[2]) == (0, "")
    batch_id = said[1].strip()
    assert await terminal.pipe("-q", "watch", batch_id) == (0, "", "")
    code, exported, _ = await terminal.pipe("batch", "export", batch_id, "--json")
    rows = [json.loads(line) for line in exported.splitlines()]
    assert (code, len(rows)) == (0, PEOPLE)
    failed = sum(row["state"] == "failed" for row in rows)
    assert failed > 0
    code, retried, _ = await terminal.pipe("batch", "retry-failed", batch_id, "--json")
    assert (code, int(json.loads(retried)["retried_count"])) == (0, failed)
    code, _, stderr = await terminal.pipe("batch", "show", "01a1fd57-b56e-7450-b384-87b14169e32d")
    assert (code, "outdial batch list" in stderr) == (5, True)


async def test_a_reader_that_has_had_enough_is_no_error_to_speak_of(
    terminal: Terminal, people: Path
) -> None:
    _, batch_id, _ = await terminal.pipe(
        "-q", "batch", "import", str(people), "--agent", "Reminder", "--skip-bad-rows", "--draft"
    )
    process = await asyncio.create_subprocess_shell(
        f'"{BIN}/outdial" batch export {batch_id.strip()} -q | head -n 1',
        env=terminal.environment,
        stdout=PIPE,
        stderr=PIPE,
    )
    stdout, stderr = await process.communicate()
    assert stdout.startswith(b"position,")
    assert stderr == b""
