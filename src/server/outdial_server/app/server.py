"""A whole server: started in order, and stopped in the opposite one."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from outdial_server.adapters.chance import SeededChances
from outdial_server.adapters.metrics import (
    FiguresCollector,
    LoopLag,
    PrometheusTelemetry,
    Scrape,
    server_registry,
    tell_build,
)
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.adapters.shared_signals import SharedSignals
from outdial_server.adapters.spare_time import SpareThread
from outdial_server.api.server import GrpcServer
from outdial_server.app.carriers import build_carriers, build_sip
from outdial_server.app.foundation import Foundation, open_foundation
from outdial_server.app.health import HealthTeller
from outdial_server.app.master_keys import callback_tokens, master_key, old_keys
from outdial_server.app.servicers import build_grpc_server
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.carriers.sip.supervisor import CannotListenError, SipSupervisor
from outdial_server.commands.credentials import CredentialSealer
from outdial_server.commands.first_keys import FirstKeys
from outdial_server.commands.forecast_batch import ForecastBatch
from outdial_server.commands.repeated_requests import RepeatedRequests
from outdial_server.engine import Delivery, Engine, EngineSettings, GatheredReports
from outdial_server.gateway import (
    NATIVE_PREFIX,
    CallbackRoutes,
    CallbackTokens,
    Health,
    HttpServer,
    NativeApp,
    Rpc,
    RpcTable,
    Surroundings,
    build_http_app,
    dialects,
)
from outdial_server.ports.sealing import Seal
from outdial_server.ports.webhooks import WebhookSender
from outdial_server.settings import Settings, SettingsError
from outdial_server.storage import exchange_hints
from outdial_server.webhooks.sender import HttpWebhookSender

log = structlog.get_logger()

NEW_OBJECTS_MOST: Final = 10_000
"""So many more than have gone are made before the newest are looked through for garbage. With
Python's own 700, more than a fiftieth of the CPU of a server that dials went there."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that takes work. Ports are those that were taken."""

    grpc_port: int
    http_port: int
    # Of a key that was made at this start, because there was none; to be shown this once.
    first_secret: str | None


async def serve(
    settings: Settings,
    announce: Callable[[RunningServer], None],
    *,
    until_stdin_closes: bool = False,
) -> None:
    """Runs until SIGTERM or SIGINT; a second one ends the process at once.

    With `until_stdin_closes` also until the end of standard input: a program that starts a
    server and is killed before it could stop it leaves none behind.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        asked.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    if until_stdin_closes:
        _tell_when_stdin_closes(loop, ask)
    async with running_server(settings) as server:
        announce(server)
        leave_out_of_collections()
        await asked.wait()
        log.info("server.stopping")


def leave_out_of_collections() -> None:
    """What a server is made of lives as long as the server. Looking all of it through for
    garbage, again and again, would hold the event loop for a tenth of a second each time. Not
    even once: the first calls are on their way, and there is hardly any yet."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_MOST, *gc.get_threshold()[1:])
    gc.enable()


def _tell_when_stdin_closes(loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    stdin = sys.stdin.fileno()

    def read() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            tell()

    loop.add_reader(stdin, read)


@asynccontextmanager
async def running_server(settings: Settings) -> AsyncIterator[RunningServer]:
    """Starts everything, and on leaving stops it in the opposite order: health and
    watchers are told first, then the engine finishes what it sent, then gRPC and HTTP
    close, and the store last."""
    async with AsyncExitStack() as stack:
        metrics = server_registry()
        telemetry = PrometheusTelemetry(metrics)
        base = await stack.enter_async_context(open_foundation(settings, telemetry))
        await _share_signals(stack, base)
        key, old = master_key(settings), old_keys(settings)
        tokens = callback_tokens(key, old)
        seal = AesGcmSeal(key, old)
        reports = GatheredReports(base.signals)
        sip = build_sip(base)
        carriers = build_carriers(base, reports, tokens, seal, sip)
        sealer = CredentialSealer(carriers.kinds, seal)
        stack.push_async_callback(carriers.close)
        await _follow_carriers(base, carriers)
        engine = build_engine(base, carriers, reports)
        await _start_sip(stack, sip, engine)
        _measure(stack, base, metrics)
        draining = asyncio.Event()

        forecast = _forecast(stack, base)
        sender = _webhook_sender(stack, base, seal)
        grpc = build_grpc_server(
            base, carriers, sealer, engine, metrics, draining, forecast, sender
        )
        health = HealthTeller(engine.obstacles, grpc)
        http = _http_server(
            base,
            _callback_routes(base, carriers, engine, tokens),
            _surfaces(base, seal, grpc.rpcs),
            metrics,
            health.now,
        )
        first_keys = await _first_keys(base)
        http_port = await _listening("OUTDIAL_HTTP_LISTEN", http.start)
        stack.push_async_callback(http.stop)
        grpc_port = await _listening(
            "OUTDIAL_GRPC_LISTEN", lambda: grpc.start(settings.grpc_listen)
        )
        stack.push_async_callback(grpc.stop, settings.drain)
        _start_delivery(stack, base, sender, engine)
        stack.push_async_callback(engine.stop)
        await engine.start()
        # Once nothing can fail any more: a key that is made here must also be shown.
        first_secret = await first_keys.make_if_none()
        _drain_first(stack, health, grpc, draining)
        await health.come_up()
        log.info(
            "server.started",
            version=version("outdial"),
            database=base.store.database.dialect.name,
            grpc_port=grpc_port,
            http_port=http_port,
        )
        yield RunningServer(grpc_port, http_port, first_secret)


async def _first_keys(base: Foundation) -> FirstKeys:
    """With the key of the settings in its place, before anybody can ask with it."""
    first_keys = FirstKeys(base.store.accounts, base.store.keys, base.ids, base.clock)
    configured = base.settings.bootstrap_api_key.get_secret_value()
    if configured:
        await first_keys.put(configured)
    return first_keys


def _drain_first(
    stack: AsyncExitStack, health: HealthTeller, grpc: GrpcServer, draining: asyncio.Event
) -> None:
    async def begin_draining() -> None:
        health.go_down()
        await grpc.begin_draining()
        draining.set()

    stack.push_async_callback(begin_draining)


async def _listening(variable: str, start: Callable[[], Awaitable[int]]) -> int:
    try:
        return await start()
    except OSError as error:
        raise SettingsError(f"{variable}: {error}") from error


async def _share_signals(stack: AsyncExitStack, base: Foundation) -> None:
    """What happens on one server wakes the others."""
    if isinstance(base.signals, SharedSignals):
        await stack.enter_async_context(exchange_hints(base.settings.database_url, base.signals))


def build_engine(base: Foundation, carriers: CarrierRegistry, reports: GatheredReports) -> Engine:
    return Engine(
        base.store.dispatch,
        base.store.callbacks,
        base.store.retention,
        carriers.find,
        reports,
        base.clock,
        base.signals,
        EngineSettings(
            lease=base.settings.lease,
            not_found_final_after=base.settings.unknown_settle,
            keep=base.settings.retention,
            queueing=carriers.queueing,
            need_config=carriers.terms.need_config,
        ),
        queues=base.store.carrier_queues,
        store_clock=None if base.store.is_alone else base.store.clock,
        quarantine=base.store.quarantine,
        is_alone=base.store.is_alone,
        telemetry=base.telemetry,
    )


async def _start_sip(stack: AsyncExitStack, sip: SipSupervisor | None, engine: Engine) -> None:
    """What it tells while it stops is still stored."""
    if sip is None:
        return
    try:
        await sip.start(engine.callbacks_arrived)
    except CannotListenError as error:
        raise SettingsError(f"OUTDIAL_SIP_LISTEN: {error}") from error
    stack.push_async_callback(sip.close)


def _forecast(stack: AsyncExitStack, base: Foundation) -> ForecastBatch:
    spare_time = SpareThread()
    stack.callback(spare_time.close)
    return ForecastBatch(base.store.forecasts, SeededChances(), spare_time)


def _measure(stack: AsyncExitStack, base: Foundation, metrics: CollectorRegistry) -> None:
    tell_build(metrics, version("outdial"), base.store.database.dialect.name)
    lag = LoopLag(metrics)
    lag.start()
    stack.callback(lag.stop)


def _webhook_sender(stack: AsyncExitStack, base: Foundation, seal: Seal) -> HttpWebhookSender:
    sender = HttpWebhookSender(base.settings.outgoing_guard, seal, base.clock)
    stack.push_async_callback(sender.close)
    return sender


def _start_delivery(
    stack: AsyncExitStack, base: Foundation, sender: WebhookSender, engine: Engine
) -> None:
    delivery = Delivery(
        base.store.webhooks,
        sender,
        base.ids,
        base.clock,
        base.signals,
        base.telemetry,
        engine.cannot_write,
    )
    stack.push_async_callback(delivery.stop)
    delivery.start()


async def _follow_carriers(base: Foundation, carriers: CarrierRegistry) -> None:
    """What is kept of the carriers: others than at the last start may be there."""
    await base.store.carrier_configs.follow_default_rates(carriers.rates)
    await base.store.carrier_configs.follow_terms(carriers.terms)


def _callback_routes(
    base: Foundation, carriers: CarrierRegistry, engine: Engine, tokens: CallbackTokens
) -> CallbackRoutes:
    return CallbackRoutes(tokens, carriers.find, engine.take_callback, base.telemetry)


def _surfaces(base: Foundation, seal: Seal, rpcs: Sequence[Rpc]) -> dict[str, ASGIApp]:
    stands_on = Surroundings(
        RpcTable(rpcs),
        base.authenticate,
        base.clock,
        base.ids,
        RepeatedRequests(base.store.answers, seal),
        has_vendor_limits=base.settings.vendor_rate_limits,
    )
    return {NATIVE_PREFIX: NativeApp(rpcs), **dialects(stands_on)}


def _http_server(
    base: Foundation,
    callbacks: CallbackRoutes,
    surfaces: Mapping[str, ASGIApp],
    metrics: CollectorRegistry,
    health: Callable[[], Health],
) -> HttpServer:
    scrape = Scrape(metrics, FiguresCollector(metrics, base.store.figures, base.clock))
    app = build_http_app(health, scrape.text, callbacks, surfaces)
    return HttpServer(app, base.settings.http_listen)
