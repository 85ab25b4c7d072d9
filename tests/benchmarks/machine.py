"""The machine that figures belong to, and clocks of single threads and processes."""

import os
import platform
import sqlite3
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    cpu: str
    cores: int
    kernel: str
    python: str
    sqlite: str
    grpcio: str
    load_average: tuple[float, float, float]
    date: str


def this_machine() -> Machine:
    return Machine(
        _cpu_model(),
        len(os.sched_getaffinity(0)),
        platform.release(),
        platform.python_version(),
        sqlite3.sqlite_version,
        version("grpcio"),
        os.getloadavg(),
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU used so far: by the whole process, by the thread of its event loop, and by the
    one that writes to SQLite (0 without one)."""

    process: float
    loop: float
    writer: float

    def __sub__(self, other: "CpuSeconds") -> "CpuSeconds":
        return CpuSeconds(
            self.process - other.process, self.loop - other.loop, self.writer - other.writer
        )


def cpu_seconds() -> CpuSeconds:
    """Of this process; called in its main thread, where the event loop is."""
    return CpuSeconds(time.process_time(), time.thread_time(), _of_thread("outdial-writer"))


@dataclass(frozen=True, slots=True)
class ProcessIds:
    """A process, and its thread that writes to SQLite."""

    process: int
    writer: int | None

    def cpu_seconds(self) -> CpuSeconds:
        # The kernel's way of naming another process's clock.
        clock = ~self.process << 3 | 2
        return CpuSeconds(
            time.clock_gettime(clock),
            _of_task(self.process, self.process),
            _of_task(self.process, self.writer) if self.writer else 0.0,
        )

    def rss_bytes(self) -> int:
        return self._memory_bytes("VmRSS")

    def rss_most_bytes(self) -> int:
        return self._memory_bytes("VmHWM")

    def _memory_bytes(self, name: str) -> int:
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024


def family_cpu_seconds(parent: int) -> float:
    """CPU used so far by a process and its children, those that have ended included."""
    text = Path(f"/proc/{parent}/stat").read_text()
    # Behind the name, which may hold anything: the fields from the third on.
    cutime, cstime = text.rpartition(")")[2].split()[13:15]
    ended = (int(cutime) + int(cstime)) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return ended + sum(_of_living(process) for process in (parent, *map(int, children)))


def _of_living(process: int) -> float:
    try:
        return ProcessIds(process, None).cpu_seconds().process
    except OSError:
        # It has ended since; its parent tells of it the next time.
        return 0.0


def _of_task(process: int, thread: int) -> float:
    nanoseconds = Path(f"/proc/{process}/task/{thread}/schedstat").read_text().split()[0]
    return int(nanoseconds) / 1e9


def _of_thread(prefix: str) -> float:
    return sum(
        time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.name.startswith(prefix) and thread.ident is not None
    )
