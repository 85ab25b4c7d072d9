"""The example of three replicas, as a person would run it."""

import asyncio
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "replicas" / "run.py"


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(400)
async def test_nobody_is_lost_or_rung_twice_while_replicas_are_killed() -> None:
    example = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        *("--people", "40", "--kills", "2"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await example.communicate()
    lines = said.decode().splitlines()
    assert example.returncode == 0, said.decode()
    assert [line.partition("; ")[2] for line in lines if "; replica" in line] == [
        f"replica {number} is {what}" for number in (1, 2) for what in ("killed", "there again")
    ]
    assert lines[-1].startswith("Nobody was rung twice, nobody was lost")
