"""From the start of a process to its first request, after its predecessor was killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.apart import apart
from benchmarks.http_carrier import QUICK, carrier_process
from benchmarks.lists import StoredList, copied, large_list, sqlite_path, sqlite_url, store_list
from benchmarks.machine import ProcessIds
from benchmarks.options import Options
from benchmarks.report import RowReport, at_most, measure
from benchmarks.services import API_KEY
from benchmarks.size import begin_dialling
from support.processes import CALLBACK_SECRET, CarrierProcess, free_port, requested_at_us

_PATIENCE_SECONDS = 60
_LOOK_SECONDS = 0.01
_DIALLED_BEFORE = 300
# Calls that last: the kill meets live ones.
_PROFILE = {**QUICK, "talk_ms": "200-400"}


def restart(options: Options) -> Iterator[RowReport]:
    few_rows = options.amount(20_000, 20_000, 5_000)
    few = apart(store_list, sqlite_url(options.folder / "few.db"), few_rows)
    many = large_list(options)
    full, fresh = [], []
    for number in range(options.rounds):
        fresh.append(_restarted(options.folder / f"few-{number}", few))
        full.append(_restarted(options.folder / f"many-{number}", many))
    yield RowReport(
        "restart",
        (
            measure(
                f"from process start to dialling, {many.rows:,} stored, after kill -9",
                "s",
                [one.seconds for one in full],
                at_most(2),
                limit_name=f"{few_rows:,} stored",
                limits=[one.seconds for one in fresh],
            ),
            measure(
                "CPU of the server until then",
                "s",
                [one.cpu_seconds for one in full],
                limit_name=f"{few_rows:,} stored",
                limits=[one.cpu_seconds for one in fresh],
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Restart:
    """Until the first request. Wall time is the machine's, too, and CPU hardly."""

    seconds: float
    cpu_seconds: float


def _restarted(folder: Path, original: StoredList) -> _Restart:
    folder.mkdir()
    file = Path(sqlite_path(original))
    stored = copied(original, file, folder / "outdial.db")
    grpc_port, http_port = free_port(), free_port()
    with carrier_process(folder, _PROFILE) as (carrier, _):
        with _server(folder, stored, carrier, grpc_port, http_port) as first:
            apart(begin_dialling, f"127.0.0.1:{grpc_port}", stored.batch_id)
            _wait_for_requests(carrier.log, _DIALLED_BEFORE)
            first.kill()
        before = len(requested_at_us(carrier.log))
        began_us = time.time_ns() // 1000
        with _server(folder, stored, carrier, grpc_port, http_port) as second:
            _wait_for_requests(carrier.log, before + 1)
            cpu_seconds = ProcessIds(second.pid, None).cpu_seconds().process
            second.send_signal(signal.SIGTERM)
        at_us = requested_at_us(carrier.log)
    return _Restart((at_us[before] - began_us) / 1e6, cpu_seconds)


@contextmanager
def _server(
    folder: Path, stored: StoredList, carrier: CarrierProcess, grpc_port: int, http_port: int
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "OUTDIAL_DATABASE_URL": stored.url,
        "OUTDIAL_GRPC_LISTEN": f"127.0.0.1:{grpc_port}",
        "OUTDIAL_HTTP_LISTEN": f"127.0.0.1:{http_port}",
        "OUTDIAL_BOOTSTRAP_API_KEY": API_KEY,
        "OUTDIAL_SIMULATED_CARRIER_URL": carrier.url,
        "OUTDIAL_SIMULATED_CARRIER_SECRET": CALLBACK_SECRET,
    }
    with (folder / "server.out").open("ab") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("outdial-server"), "serve"],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def _wait_for_requests(log: Path, count: int) -> None:
    """Looks at the log now and then; the moments in it are what counts."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not log.exists() or len(requested_at_us(log)) < count:
        assert time.monotonic() < deadline, "nobody is dialled"
        time.sleep(_LOOK_SECONDS)
