"""A PostgreSQL that takes over from another one as it was some commits ago: in its place, on a
timeline of its own, as a standby does that was behind when its primary died."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

from support.databases import PostgresServer
from support.memory import in_memory


class Standby:
    """The commands block: each for less than a second or two."""

    def __init__(self, primary: PostgresServer) -> None:
        self._primary = primary
        self._bin: Path = primary._handle.bin_path
        self._user: str | None = primary._handle.system_user
        folder = Path(mkdtemp(prefix="outdial-standby-", dir=in_memory()))
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._folder = folder
        self._data = folder / "data"

    def copy(self) -> None:
        """What it knows from here on is all that it will ever know of the primary."""
        self._run(
            "pg_basebackup",
            "-h",
            self._primary.socket_dir,
            "-U",
            "postgres",
            "-D",
            str(self._data),
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        )
        # It is to hear of no more: the primary is where it looks for more, and will be gone.
        (self._data / "postgresql.auto.conf").write_text(
            "\n".join(
                line
                for line in (self._data / "postgresql.auto.conf").read_text().splitlines()
                if not line.startswith("primary_conninfo")
            )
            + "\n"
        )

    def take_over(self) -> None:
        """The primary dies, and this comes up at its address and is promoted."""
        self._run("pg_ctl", "-D", str(self._primary._handle.pgdata), "-m", "immediate", "stop")
        options = f"-h '' -k {self._primary.socket_dir}"
        self._run(
            "pg_ctl",
            "-w",
            "-D",
            str(self._data),
            "-o",
            options,
            "-l",
            str(self._folder / "log"),
            "start",
        )
        self._run("pg_ctl", "-w", "-D", str(self._data), "promote")

    def stop(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-D", str(self._data), "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / command), *arguments],
            check=True,
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ},
            cwd=self._folder,
        )
