"""Runs the `outdial` command, inside this process or as one of its own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import typer.testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from outdial_client.cli.main import app

COMMAND = Path(sys.executable).with_name("outdial")
_MAIN = (sys.executable, "-c", "from outdial_client.cli.main import app; app()")

# Else all hundred commands would be put together anew for each that is run.
typer.testing._get_command = cache(get_command)


@dataclass(frozen=True)
class Outdial:
    """The command with these variables, and no others that it knows."""

    variables: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, *args: str, stdin: bytes = b"", **variables: str) -> Result:
        known = {name: None for name in os.environ if name.startswith("OUTDIAL_")}
        runner = CliRunner(env={**known, **self.variables, **variables})
        return await asyncio.to_thread(runner.invoke, app, list(args), input=stdin)

    async def start(self, *args: str, stdin: int | None = None) -> Process:
        """As a process, for signals and pipes."""
        plain = {name: text for name, text in os.environ.items() if not name.startswith("OUTDIAL_")}
        environment = {**plain, **self.variables, "PYTHONPATH": os.pathsep.join(sys.path)}
        return await asyncio.create_subprocess_exec(
            *_MAIN, *args, env=environment, stdin=stdin, stdout=PIPE, stderr=PIPE
        )


async def interrupt(process: Process) -> str:
    """Ctrl-C, and what the command says to it."""
    process.send_signal(signal.SIGINT)
    _, stderr = await process.communicate()
    return stderr.decode()


async def until(event: asyncio.Event, process: Process) -> None:
    """Waits for what a running command brings about; one that has ended never will."""
    happening = asyncio.ensure_future(event.wait())
    ending = asyncio.ensure_future(process.wait())
    await asyncio.wait({happening, ending}, return_when=asyncio.FIRST_COMPLETED)
    if not happening.done():
        happening.cancel()
        _, stderr = await process.communicate()
        raise AssertionError(stderr.decode())
    ending.cancel()
