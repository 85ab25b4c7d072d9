"""The composition root: the one file that knows every room."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from outdial_server.adapters.chance import SeededChances
from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.json_schema import JsonSchemas
from outdial_server.adapters.master_key import MasterKey, master_key_from, master_key_in
from outdial_server.adapters.metrics import (
    FiguresCollector,
    LoopLag,
    PrometheusTelemetry,
    Scrape,
    server_registry,
    tell_build,
)
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.adapters.signals import InProcessSignals
from outdial_server.adapters.spare_time import SpareThread
from outdial_server.api.accounts import AccountServicer
from outdial_server.api.agents import AgentServicer
from outdial_server.api.batches import BatchServicer
from outdial_server.api.calls import CallServicer
from outdial_server.api.carrier_configs import CarrierConfigServicer
from outdial_server.api.contact_folders import ContactFolderServicer
from outdial_server.api.contacts import ContactServicer
from outdial_server.api.external_calls import ExternalCallServicer
from outdial_server.api.interceptor import RpcInterceptor
from outdial_server.api.metrics import RpcMetrics, WatchMetrics
from outdial_server.api.phone_numbers import PhoneNumberServicer
from outdial_server.api.scheduled_calls import ScheduledCallServicer
from outdial_server.api.server import GrpcServer, Servicers
from outdial_server.api.server_info import ServerInfoServicer
from outdial_server.api.suppressions import SuppressionServicer
from outdial_server.api.throttles import ThrottleServicer
from outdial_server.api.watch_stream import WatchStream
from outdial_server.api.webhooks import WebhookServicer
from outdial_server.carriers.accounts import CarrierAccounts
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.carriers.simulated.local import LocalSimulatedCarrier
from outdial_server.carriers.simulated.profile import (
    ProfileError,
    SimulationProfile,
    named_profile,
    with_settings,
)
from outdial_server.carriers.telnyx.kind import TelnyxKind
from outdial_server.carriers.twilio.kind import TwilioKind
from outdial_server.commands.accounts import CreateAccount, UpdateAccount
from outdial_server.commands.add_scheduled_calls import AddScheduledCalls
from outdial_server.commands.agents import CreateAgent, UpdateAgent
from outdial_server.commands.carrier_configs import CreateCarrierConfig, UpdateCarrierConfig
from outdial_server.commands.carrier_readiness import CarrierReadiness
from outdial_server.commands.check_carrier_config import CheckCarrierConfig
from outdial_server.commands.contact_rows import CopyContacts
from outdial_server.commands.contacts import (
    CreateContact,
    CreateContactFolder,
    UpdateContact,
    UpdateContactFolder,
)
from outdial_server.commands.create_batch import CreateBatch
from outdial_server.commands.create_call import CreateCall
from outdial_server.commands.credentials import CredentialSealer
from outdial_server.commands.end_call import EndCall
from outdial_server.commands.estimate_window import EstimateWindow
from outdial_server.commands.explain import Explain
from outdial_server.commands.export_scheduled_calls import ExportScheduledCalls
from outdial_server.commands.external_calls import EndExternalCall, ReportExternalCall
from outdial_server.commands.first_keys import FirstKeys
from outdial_server.commands.forecast_batch import ForecastBatch
from outdial_server.commands.import_contacts import ImportContacts
from outdial_server.commands.import_scheduled_calls import ImportScheduledCalls
from outdial_server.commands.keys import Authenticate, CreateKey
from outdial_server.commands.new_batch import BatchPlanner
from outdial_server.commands.phone_numbers import ChangePhoneNumber, CreatePhoneNumber
from outdial_server.commands.resolve_call import ResolveCall
from outdial_server.commands.retry import Retry
from outdial_server.commands.start_batch import StartBatch
from outdial_server.commands.stop_batch import StopBatch
from outdial_server.commands.suppressions import CreateSuppressions
from outdial_server.commands.throttles import CreateThrottle, UpdateThrottle
from outdial_server.commands.update_batch import UpdateBatch
from outdial_server.commands.webhooks import CreateWebhook, RotateWebhookSecret, UpdateWebhook
from outdial_server.engine import Delivery, Engine, EngineSettings, GatheredReports
from outdial_server.gateway import CallbackRoutes, CallbackTokens, HttpServer, build_http_app
from outdial_server.ports.carrier import Carrier
from outdial_server.ports.carrier_kind import CarrierKind
from outdial_server.ports.sealing import Seal
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.settings import Settings, SettingsError
from outdial_server.storage import CannotOpenError, Store, master_key_path, open_store
from outdial_server.webhooks.sender import HttpWebhookSender

_CALLBACK_PURPOSE: Final = "callback URLs"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Foundation:
    """What everything is built on."""

    settings: Settings
    clock: SystemClock
    ids: UuidV7Ids
    signals: InProcessSignals
    store: Store
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that takes work. Ports are those that were taken."""

    grpc_port: int
    http_port: int
    # Of a key that was made at this start, because there was none; to be shown this once.
    first_secret: str | None


@asynccontextmanager
async def open_foundation(
    settings: Settings, telemetry: Telemetry = NO_TELEMETRY
) -> AsyncIterator[Foundation]:
    clock = SystemClock()
    ids = UuidV7Ids(clock)
    signals = InProcessSignals(clock)
    try:
        store = await open_store(settings.database_url, clock, ids, signals, telemetry)
    except CannotOpenError as error:
        raise SettingsError(f"OUTDIAL_DATABASE_URL: {error}") from error
    try:
        yield Foundation(settings, clock, ids, signals, store, telemetry)
    finally:
        await store.close()


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
        await asked.wait()
        log.info("server.stopping")


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
        tell_build(metrics, version("outdial"), base.store.database.dialect.name)
        master_key = _master_key(settings)
        tokens = CallbackTokens(
            master_key.derive(_CALLBACK_PURPOSE),
            lambda config_id: master_key.derive(f"{_CALLBACK_PURPOSE} of {config_id}"),
        )
        seal = AesGcmSeal(master_key)
        reports = GatheredReports(base.signals)
        carriers = _carriers(base, reports, tokens, seal)
        sealer = CredentialSealer(carriers.kinds, seal)
        stack.push_async_callback(carriers.close)
        await base.store.carrier_configs.follow_default_rates(carriers.rates)
        engine = build_engine(base, carriers, reports)
        _measure_lag(stack, metrics)
        draining, ready = asyncio.Event(), asyncio.Event()

        http = _http_server(base, carriers, engine, tokens, metrics, ready)
        http_port = await _listening("OUTDIAL_HTTP_LISTEN", http.start)
        stack.push_async_callback(http.stop)
        spare_time = SpareThread()
        stack.callback(spare_time.close)
        forecast = ForecastBatch(base.store.forecasts, SeededChances(), spare_time)
        grpc = _grpc_server(base, carriers, sealer, engine, metrics, draining, forecast)
        grpc_port = await _listening(
            "OUTDIAL_GRPC_LISTEN", lambda: grpc.start(settings.grpc_listen)
        )
        stack.push_async_callback(grpc.stop, settings.drain)
        _start_delivery(stack, base, seal)
        stack.push_async_callback(engine.stop)
        await engine.start()
        # Once nothing can fail any more: a key that is made here must also be shown.
        first_secret = await FirstKeys(
            base.store.accounts, base.store.keys, base.ids, base.clock
        ).execute(settings.bootstrap_api_key.get_secret_value())

        async def begin_draining() -> None:
            ready.clear()
            await grpc.begin_draining()
            draining.set()

        stack.push_async_callback(begin_draining)
        ready.set()
        await grpc.serving()
        log.info(
            "server.started",
            version=version("outdial"),
            database=base.store.database.dialect.name,
            grpc_port=grpc_port,
            http_port=http_port,
        )
        yield RunningServer(grpc_port, http_port, first_secret)


def _master_key(settings: Settings) -> MasterKey:
    given = settings.master_key.get_secret_value()
    if given:
        return master_key_from(given)
    path = master_key_path(settings.database_url)
    try:
        return master_key_in(path)
    except OSError as error:
        words = f"cannot be read or made: {error.strerror}"
        raise SettingsError(f"OUTDIAL_MASTER_KEY: is not set, and {path} {words}") from error
    except ValueError as error:
        raise SettingsError(f"OUTDIAL_MASTER_KEY: is not set, and {path} {error}") from error


async def _listening(variable: str, start: Callable[[], Awaitable[int]]) -> int:
    try:
        return await start()
    except OSError as error:
        raise SettingsError(f"{variable}: {error}") from error


def _carriers(
    base: Foundation, reports: GatheredReports, tokens: CallbackTokens, seal: AesGcmSeal
) -> CarrierRegistry:
    settings = base.settings
    guard = settings.outgoing_guard
    kinds: list[CarrierKind] = [TwilioKind(guard), TelnyxKind(guard, base.clock)]
    accounts = CarrierAccounts(
        {kind.name: kind for kind in kinds},
        base.store.carrier_configs,
        seal,
        lambda carrier, config_id: (
            f"{settings.callback_base_url}/{carrier}/{config_id}/{tokens.of_config(config_id)}"
        ),
        base.clock,
    )
    return CarrierRegistry(_simulated_carrier(base, reports, tokens.own), kinds, accounts)


def _simulated_carrier(base: Foundation, reports: GatheredReports, token: str) -> Carrier | None:
    settings = base.settings
    if settings.simulated_carrier_url:
        secret = settings.simulated_carrier_secret.get_secret_value()
        callback_url = f"{settings.callback_base_url}/{HttpSimulatedCarrier.name}/{token}"
        return HttpSimulatedCarrier(settings.simulated_carrier_url, secret, callback_url)
    if settings.simulate:
        profile = _profile(settings.simulate_profile)
        return LocalSimulatedCarrier(profile, reports, base.ids.new_id)
    return None


def _profile(text: str) -> SimulationProfile:
    """`NAME` or `NAME,setting=value,...`"""
    name, *changes = text.split(",")
    try:
        return with_settings(named_profile(name), changes)
    except ProfileError as error:
        raise SettingsError(f"OUTDIAL_SIMULATE_PROFILE: {error}") from error


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
            not_found_final_after=base.settings.unknown_settle, keep=base.settings.retention
        ),
        is_alone=base.store.is_alone,
        telemetry=base.telemetry,
    )


def _measure_lag(stack: AsyncExitStack, metrics: CollectorRegistry) -> None:
    lag = LoopLag(metrics)
    lag.start()
    stack.callback(lag.stop)


def _start_delivery(stack: AsyncExitStack, base: Foundation, seal: Seal) -> None:
    sender = HttpWebhookSender(base.settings.outgoing_guard, seal, base.clock)
    stack.push_async_callback(sender.close)
    delivery = Delivery(
        base.store.webhooks, sender, base.ids, base.clock, base.signals, base.telemetry
    )
    stack.push_async_callback(delivery.stop)
    delivery.start()


def _http_server(
    base: Foundation,
    carriers: CarrierRegistry,
    engine: Engine,
    tokens: CallbackTokens,
    metrics: CollectorRegistry,
    ready: asyncio.Event,
) -> HttpServer:
    callbacks = CallbackRoutes(
        tokens, carriers.find, base.store.callbacks, engine.callbacks_arrived, base.telemetry
    )
    scrape = Scrape(metrics, FiguresCollector(metrics, base.store.figures, base.clock))
    app = build_http_app(ready.is_set, scrape.text, callbacks)
    return HttpServer(app, base.settings.http_listen)


def _grpc_server(
    base: Foundation,
    carriers: CarrierRegistry,
    sealer: CredentialSealer,
    engine: Engine,
    metrics: CollectorRegistry,
    draining: asyncio.Event,
    forecast: ForecastBatch,
) -> GrpcServer:
    authenticate = Authenticate(base.store.keys, base.clock)
    interceptor = RpcInterceptor(authenticate, base.clock, base.ids, RpcMetrics(metrics))
    retry = Retry(base.store.retries, base.store.batches, base.signals)
    watch = WatchStream(base.store.events, base.store.batches, base.clock, base.signals, draining)
    WatchMetrics(metrics, watch)
    explain = Explain(
        base.store.standings, carriers.find, lambda: engine.state(is_draining=draining.is_set())
    )
    servicers = Servicers(
        ServerInfoServicer(
            base.clock,
            version("outdial"),
            base.store.database.dialect.name,
            carriers.names,
            ("simulate",) if _simulates(base.settings) else (),
        ),
        _account_servicer(base, authenticate),
        _agent_servicer(base),
        _batch_servicer(base, carriers, retry, watch, explain, forecast),
        ScheduledCallServicer(
            base.store.calls, ExportScheduledCalls(base.store.calls), retry, explain
        ),
        _call_servicer(base, carriers, engine),
        _suppression_servicer(base),
        _throttle_servicer(base),
        _contact_folder_servicer(base),
        _contact_servicer(base),
        _phone_number_servicer(base),
        _carrier_config_servicer(base, carriers, sealer),
        _external_call_servicer(base),
        _webhook_servicer(base, sealer.seal),
    )
    return GrpcServer(servicers, interceptor)


def _simulates(settings: Settings) -> bool:
    return settings.simulate or bool(settings.simulated_carrier_url)


def _account_servicer(base: Foundation, authenticate: Authenticate) -> AccountServicer:
    store = base.store
    return AccountServicer(
        store.accounts,
        store.keys,
        CreateAccount(store.accounts, base.ids),
        UpdateAccount(store.accounts, base.signals),
        CreateKey(store.keys, base.ids, base.clock),
        authenticate,
    )


def _agent_servicer(base: Foundation) -> AgentServicer:
    agents = base.store.agents
    schemas = JsonSchemas()
    return AgentServicer(
        agents,
        CreateAgent(agents, schemas, base.ids),
        UpdateAgent(agents, schemas, base.signals),
    )


def _batch_servicer(
    base: Foundation,
    carriers: CarrierRegistry,
    retry: Retry,
    watch: WatchStream,
    explain: Explain,
    forecast: ForecastBatch,
) -> BatchServicer:
    batches, intake = base.store.batches, base.store.intake
    schemas = JsonSchemas()
    copies = CopyContacts(base.store.contact_folders, base.store.contacts)
    ahead = base.settings.schedule_ahead
    planner = BatchPlanner(base.ids, base.clock, carriers.names, ahead, carriers.terms)
    readiness = CarrierReadiness(
        batches, base.store.agents, base.store.carrier_configs, carriers.terms
    )
    return BatchServicer(
        batches,
        base.store.events,
        CreateBatch(intake, planner, base.signals, schemas, copies),
        AddScheduledCalls(intake, base.signals, schemas, copies),
        ImportScheduledCalls(intake, planner, base.ids, base.signals, schemas),
        base.store.imports,
        UpdateBatch(batches, base.signals, ahead),
        EstimateWindow(intake, planner),
        StartBatch(batches, base.signals, readiness),
        StopBatch(batches, base.clock, base.signals),
        retry,
        watch,
        explain,
        forecast,
        base.settings.import_silence_seconds,
    )


def _call_servicer(base: Foundation, carriers: CarrierRegistry, engine: Engine) -> CallServicer:
    calls, direct = base.store.calls, base.store.direct_calls
    create = CreateCall(
        direct,
        base.store.agents,
        JsonSchemas(),
        base.ids,
        base.clock,
        carriers.names,
        engine,
        base.signals,
        carriers.terms,
    )
    return CallServicer(
        calls,
        create,
        EndCall(calls, carriers.find),
        ResolveCall(calls, base.store.dispatch, base.signals),
    )


def _suppression_servicer(base: Foundation) -> SuppressionServicer:
    suppressions = base.store.suppressions
    create = CreateSuppressions(suppressions, base.clock, base.signals)
    return SuppressionServicer(suppressions, create)


def _webhook_servicer(base: Foundation, seal: Seal) -> WebhookServicer:
    webhooks, guard = base.store.webhooks, base.settings.outgoing_guard
    return WebhookServicer(
        webhooks,
        CreateWebhook(webhooks, base.ids, seal, guard, base.signals),
        UpdateWebhook(webhooks, guard, base.signals),
        RotateWebhookSecret(webhooks, base.ids, seal),
    )


def _throttle_servicer(base: Foundation) -> ThrottleServicer:
    throttles = base.store.throttles
    create = CreateThrottle(throttles, base.ids)
    return ThrottleServicer(throttles, create, UpdateThrottle(throttles, base.signals))


def _contact_folder_servicer(base: Foundation) -> ContactFolderServicer:
    folders = base.store.contact_folders
    create = CreateContactFolder(folders, base.ids)
    return ContactFolderServicer(folders, create, UpdateContactFolder(folders))


def _contact_servicer(base: Foundation) -> ContactServicer:
    contacts = base.store.contacts
    return ContactServicer(
        contacts,
        CreateContact(contacts, base.ids),
        UpdateContact(contacts),
        ImportContacts(base.store.contact_intake, base.ids),
        base.settings.import_silence_seconds,
    )


def _phone_number_servicer(base: Foundation) -> PhoneNumberServicer:
    numbers = base.store.phone_numbers
    create = CreatePhoneNumber(numbers, base.ids, base.signals)
    return PhoneNumberServicer(numbers, create, ChangePhoneNumber(numbers, base.signals))


def _external_call_servicer(base: Foundation) -> ExternalCallServicer:
    external, signals = base.store.external_calls, base.signals
    return ExternalCallServicer(
        external, ReportExternalCall(external, signals), EndExternalCall(external, signals)
    )


def _carrier_config_servicer(
    base: Foundation, carriers: CarrierRegistry, sealer: CredentialSealer
) -> CarrierConfigServicer:
    configs, rates = base.store.carrier_configs, carriers.rates
    return CarrierConfigServicer(
        configs,
        CreateCarrierConfig(configs, base.ids, carriers.names, rates, sealer),
        UpdateCarrierConfig(configs, rates, base.signals, sealer),
        CheckCarrierConfig(configs, carriers.find),
        rates,
    )
