"""Servers that start in a fraction of the time: forked from a process that has loaded their code
already. From there on each is a process like any other, to signals, to the database and to the
network."""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

_LOADED = [
    # Else each child would load it for itself.
    "__main__",
    "support.nursery",
    "asyncpg",
    "outdial_server.app.server",
    "outdial_server.cli.main",
    "outdial_server.storage.postgres_database",
]


@dataclass(frozen=True)
class ForkedChild:
    """With the face of asyncio's child processes."""

    process: BaseProcess

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.process.pid is not None and self.returncode is None:
            os.kill(self.process.pid, number)

    async def wait(self) -> int:
        await asyncio.to_thread(self.process.join)
        return self.process.exitcode or 0


async def fork_server(environment: Mapping[str, str], output: Path) -> ForkedChild:
    """`outdial-server serve`, with its output at the end of a file."""
    nursery = get_context("forkserver")
    nursery.set_forkserver_preload(_LOADED)
    process = nursery.Process(target=_serve, args=(dict(environment), output), daemon=True)
    # The first one waits for the code to be loaded.
    await asyncio.to_thread(process.start)
    return ForkedChild(process)


def _serve(environment: Mapping[str, str], output: Path) -> None:
    # Here: whoever asks for a server need not load its code.
    from outdial_server.cli.main import app  # noqa: PLC0415

    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(written, standard)
    os.environ.update(environment)
    app(["serve"])
