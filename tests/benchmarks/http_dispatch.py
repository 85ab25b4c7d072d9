"""Whole lives of calls over HTTP: a server process, a carrier process, callbacks between."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop
from outdial.v1.batch_service_pb2 import WatchScope

from benchmarks.apart import apart
from benchmarks.dispatch import ShortList, short_list
from benchmarks.http_carrier import QUICK, carrier_process, drive_carrier
from benchmarks.lists import copied
from benchmarks.machine import ProcessIds
from benchmarks.options import Options
from benchmarks.report import RowReport, at_least, measure
from benchmarks.services import API_KEY, Outdial, Service
from benchmarks.stock_httpx import OutdialOnHttpx
from outdial_client import Client
from support.processes import CALLBACK_SECRET, free_port, read_ringing, requested_at_us

_SLOTS = 100


@dataclass(frozen=True, slots=True)
class HttpDrive:
    calls_per_second: float
    server_cpu_us: float
    carrier_cpu_us: float
    profile: str


def http(options: Options) -> Iterator[RowReport]:
    calls = options.amount(6_000, 2_000, 300)
    warm_up = options.amount(1_000, 500, _SLOTS)
    listed = short_list(options, calls, warm_up)
    rounds, bare, stock = [], [], []
    for number in range(options.rounds):
        bare.append(_bare(_folder(options, f"bare-{number}"), calls, warm_up))
        rounds.append(_measured(listed, _folder(options, f"round-{number}")))
        stock.append(_measured(listed, _folder(options, f"stock-{number}"), OutdialOnHttpx))
    profiles = []
    if options.profile:
        folder = _folder(options, "profiled")
        profiles.append(_measured(listed, folder, profiled=True).profile)
    yield RowReport(
        "http",
        (
            measure(
                "whole lives of calls, HTTP carrier answering in 5 ms, 100 at once",
                "calls/s",
                [drive.calls_per_second for drive in rounds],
                at_least(1500),
                limit_name="carrier and adapter alone",
                limits=bare,
            ),
            measure(
                "the same beside the same engine on stock httpx",
                "calls/s",
                [drive.calls_per_second for drive in rounds],
                limit_name="on stock httpx",
                limits=[drive.calls_per_second for drive in stock],
            ),
            measure(
                "CPU a call, server beside carrier",
                "us",
                [drive.server_cpu_us for drive in rounds],
                limit_name="the carrier's process",
                limits=[drive.carrier_cpu_us for drive in rounds],
            ),
        ),
        tuple(profiles),
    )


def _folder(options: Options, name: str) -> Path:
    folder = options.folder / name
    folder.mkdir()
    return folder


def _bare(folder: Path, calls: int, warm_up: int) -> float:
    with carrier_process(folder, QUICK) as (carrier, _):
        return apart(drive_carrier, carrier.url, calls, warm_up, _SLOTS).calls_per_second


def _measured(
    listed: ShortList,
    folder: Path,
    server: type[Outdial] = Outdial,
    *,
    profiled: bool = False,
) -> HttpDrive:
    calls, warm_up = listed.calls, listed.warm_up
    stored = copied(listed.stored, listed.file, folder / "outdial.db")
    port = free_port()
    with carrier_process(folder, QUICK) as (carrier, carrier_pid):
        outdial = server(
            stored.url,
            (
                ("http_listen", f"127.0.0.1:{port}"),
                ("simulated_carrier_url", carrier.url),
                ("simulated_carrier_secret", CALLBACK_SECRET),
            ),
        )
        with Service(folder, outdial) as service:
            before = service.ids.cpu_seconds(), ProcessIds(carrier_pid, None).cpu_seconds()
            if profiled:
                service.begin_profile()
            completed = apart(_dial_all, service.address, stored.batch_id)
            profile = service.end_profile("CPU of the loop, HTTP carrier") if profiled else ""
            server_cpu = service.ids.cpu_seconds() - before[0]
            carrier_cpu = ProcessIds(carrier_pid, None).cpu_seconds() - before[1]
        _check(carrier.log, completed)
    at_us = requested_at_us(carrier.log)
    seconds = (at_us[warm_up + calls] - at_us[warm_up]) / 1e6
    return HttpDrive(
        calls / seconds,
        server_cpu.process / completed * 1e6,
        carrier_cpu.process / completed * 1e6,
        profile,
    )


def _check(log: Path, completed: int) -> None:
    ringing = read_ringing(log)
    assert len(ringing.addresses) == completed, "somebody was not dialled"
    assert set(ringing.addresses.values()) == {1}, "somebody was dialled twice"
    assert ringing.live_most <= _SLOTS, f"{ringing.live_most} calls at once"


def _dial_all(address: str, batch_id: str) -> int:
    """Returns how many calls the batch has completed, which must be all."""
    return uvloop.run(_dial_all_now(address, batch_id))


async def _dial_all_now(address: str, batch_id: str) -> int:
    async with Client(address, api_key=API_KEY) as client:
        await client.batches.start(batch_id)
        async for _ in client.batches.watch(batch_id, scope=WatchScope.WATCH_SCOPE_BATCH):
            pass
        counts = (await client.batches.get(batch_id)).counts
    assert counts.completed == counts.total, f"{counts.completed} of {counts.total} completed"
    return counts.completed
