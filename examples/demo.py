"""What `make demo` runs: a list of people, dialled through the simulated carrier.

Starts a server on a database in a temporary folder, makes an agent, sends
appointments.csv to it with the `outdial` command and shows what comes of it.
Nothing is left running; with --keep the server stays until Ctrl-C, to look around.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from outdial_client.testing import ServerStartError, running_server

APPOINTMENTS = Path(__file__).with_name("appointments.csv")
COMMANDS = Path(sys.executable).parent
AGENT = "Appointment reminder"
# Slow enough to watch, fast enough for 1,200 people in half a minute.
CARRIER = {"magic_numbers": False, "ring_ms": "200-1000", "talk_ms": "500-2000"}


@dataclass(frozen=True)
class Server:
    """A server that runs, and the key to it."""

    address: str
    api_key: str
    folder: Path
    """Empty: a config file of your own is left out of it."""

    def outdial(self, *args: str) -> int:
        """Runs the `outdial` command in front, as a person would."""
        print(f"\n$ {shlex.join(['outdial', *args])}", flush=True)
        process = subprocess.Popen([COMMANDS / "outdial", *args], env=self._environment())
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal has told the command as well: it ends by itself.
                continue

    def newest_batch(self) -> str:
        listing = subprocess.run(
            [COMMANDS / "outdial", "batch", "list", "--limit", "1", "--json"],
            env=self._environment(),
            check=True,
            capture_output=True,
        )
        return str(json.loads(listing.stdout)["batch_id"])

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "OUTDIAL_ADDRESS": self.address,
            "OUTDIAL_API_KEY": self.api_key,
            "XDG_CONFIG_HOME": str(self.folder),
        }


def show(server: Server) -> int:
    """The demo itself; the exit code of the batch."""
    server.outdial("agent", "create", AGENT)
    code = server.outdial(
        *("batch", "import", os.path.relpath(APPOINTMENTS), "--agent", AGENT),
        *("--skip-bad-rows", "--duplicates", "skip", "--follow"),
    )
    if code == 0:
        server.outdial("batch", "list")
        server.outdial(
            *("scheduled-call", "list", server.newest_batch()),
            *("--state", "failed", "--limit", "5"),
        )
    return code


def how_to_look_again(batch_id: str) -> str:
    """Commands for a server that runs."""
    batch = json.dumps({"batch_id": batch_id})
    grpcurl = f'{COMMANDS}/grpcurl -plaintext -H "x-api-key: $OUTDIAL_API_KEY"'
    return f"""
  {COMMANDS}/outdial batch list
  {COMMANDS}/outdial watch {batch_id}
  {COMMANDS}/outdial scheduled-call list {batch_id} --json
  {COMMANDS}/outdial explain {batch_id}    # why nobody is being called

  {grpcurl} $OUTDIAL_ADDRESS list
  {grpcurl} -d '{batch}' $OUTDIAL_ADDRESS outdial.v1.BatchService/GetBatch
  {grpcurl} -d '{batch}' $OUTDIAL_ADDRESS outdial.v1.BatchService/WatchBatch
"""


def keep(server: Server) -> None:
    """Leaves the server to the person in front, until Ctrl-C."""
    print("\nLook again, from another terminal:\n")
    print(f"  export OUTDIAL_ADDRESS={server.address} OUTDIAL_API_KEY={server.api_key}")
    print(how_to_look_again(server.newest_batch()))
    print("Ctrl-C ends the server.", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keep", action="store_true", help="leave the server running until Ctrl-C")
    options = parser.parse_args()
    print("Starting a server with a simulated carrier; nobody real is called.", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="outdial-demo-") as folder,
        running_server(profile="demo", carrier=CARRIER) as started,
    ):
        server = Server(started.address, started.api_key, Path(folder))
        code = show(server)
        if code == 0 and options.keep:
            keep(server)
        elif code == 0:
            print("\nLook again: `make demo DEMO=--keep` leaves its server running for these.")
            print(how_to_look_again(server.newest_batch()), flush=True)
    print("The server is stopped and its database deleted.")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerStartError as failure:
        sys.exit(f"The demo failed: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
