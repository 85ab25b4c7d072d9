"""Commands that people debug with, which packages of the development requirements bring."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_BIN = Path(sys.executable).parent


def tool(name: str) -> str:
    """Its path. Skips the test where there is no binary for the platform."""
    found = shutil.which(name, path=_BIN) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: its package has no binary for this platform")
    return found


@dataclass(frozen=True)
class Ran:
    status: int
    output: str


async def run(*command: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, output.decode())
