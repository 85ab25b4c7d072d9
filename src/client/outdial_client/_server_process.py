"""A server as a process of its own, for as long as a test needs it."""

import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

COMMAND: Final = "outdial-server"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 20


class ServerNotInstalledError(Exception):
    """There is no `outdial-server` to start."""


class ServerStartError(Exception):
    """The server did not start; the message holds what it said."""


class ServerProcess:
    """Starts `outdial-server serve` on free ports of this machine and a database of its own.

    Its standard input is a pipe from here, which it stops with: also when this process
    is killed and can do nothing for it any more.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.api_key = secrets.token_urlsafe(24)
        self.address = ""
        self.http_address = ""
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._folder: TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """Returns once the server is healthy."""
        command = _command()
        self._folder = TemporaryDirectory(prefix="outdial-", ignore_cleanup_errors=True)
        log = Path(self._folder.name) / "server.log"
        try:
            with log.open("wb") as errors:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    [command, "serve", "--until-stdin-closes"],
                    cwd=self._folder.name,
                    env=self._environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    # Ctrl-C is for the tests; the server is stopped after them.
                    start_new_session=True,
                )
            self._wait_until_healthy(self._process, log)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Lets it finish what it does, and makes sure that it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.communicate(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        if self._folder is not None:
            self._folder.cleanup()

    def _environment(self) -> dict[str, str]:
        # Nothing that is meant for a real server may reach this one.
        others = {
            name: value for name, value in os.environ.items() if not name.startswith("OUTDIAL_")
        }
        return {
            **others,
            "OUTDIAL_DATABASE_URL": "sqlite:///outdial.db",
            "OUTDIAL_GRPC_LISTEN": "127.0.0.1:0",
            "OUTDIAL_HTTP_LISTEN": "127.0.0.1:0",
            "OUTDIAL_BOOTSTRAP_API_KEY": self.api_key,
            **self._settings,
        }

    def _wait_until_healthy(self, process: subprocess.Popen[str], log: Path) -> None:
        # A server that hangs would be waited for without end: it is killed, and then its
        # output is over.
        watchdog = threading.Timer(_START_SECONDS, process.kill)
        watchdog.start()
        try:
            self.address = _announced(process, "gRPC on ", log)
            self.http_address = _announced(process, "HTTP on http://", log)
            if not _is_healthy(self.http_address):
                raise ServerStartError(f"the server is not healthy:\n{_tail(log)}")
        finally:
            watchdog.cancel()


def _command() -> Path:
    beside = Path(sys.executable).with_name(COMMAND)
    if beside.exists():
        return beside
    found = shutil.which(COMMAND)
    if found is None:
        raise ServerNotInstalledError(
            f"there is no {COMMAND} to start: install the server beside the client, "
            "with `pip install outdial`"
        )
    return Path(found)


def _announced(process: subprocess.Popen[str], words: str, log: Path) -> str:
    """What the server says behind these words; it says nothing when it cannot start."""
    for line in process.stdout or ():
        if line.startswith(words):
            return line.removeprefix(words).strip()
    raise ServerStartError(f"the server did not start:\n{_tail(log)}")


def _is_healthy(http_address: str) -> bool:
    connection = HTTPConnection(http_address, timeout=_START_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4_000:]
