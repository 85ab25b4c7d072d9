"""The gRPC services, each with the commands and ports that it needs."""

import asyncio
from importlib.metadata import version

from prometheus_client import CollectorRegistry

from outdial_server.adapters.json_schema import JsonSchemas
from outdial_server.api.accounts import AccountServicer
from outdial_server.api.agents import AgentServicer
from outdial_server.api.batches import BatchServicer
from outdial_server.api.board_stream import BoardStream
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
from outdial_server.app.foundation import Foundation
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.commands.accounts import CreateAccount, UpdateAccount
from outdial_server.commands.add_scheduled_calls import AddScheduledCalls
from outdial_server.commands.agents import CreateAgent, UpdateAgent
from outdial_server.commands.batch_webhooks import BatchWebhooks
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
from outdial_server.commands.forecast_batch import ForecastBatch
from outdial_server.commands.import_contacts import ImportContacts
from outdial_server.commands.import_scheduled_calls import ImportScheduledCalls
from outdial_server.commands.keys import CreateKey
from outdial_server.commands.new_batch import BatchPlanner
from outdial_server.commands.phone_numbers import ChangePhoneNumber, CreatePhoneNumber
from outdial_server.commands.redeliver_webhook_events import RedeliverWebhookEvents
from outdial_server.commands.report_call_event import ReportCallEvent
from outdial_server.commands.resolve_call import ResolveCall
from outdial_server.commands.retry import Retry
from outdial_server.commands.send_test_webhook import SendTestWebhook
from outdial_server.commands.shown_secrets import ShownSecrets
from outdial_server.commands.start_batch import StartBatch
from outdial_server.commands.stop_batch import StopBatch
from outdial_server.commands.suppressions import CreateSuppressions
from outdial_server.commands.throttles import CreateThrottle, UpdateThrottle
from outdial_server.commands.update_batch import UpdateBatch
from outdial_server.commands.webhooks import CreateWebhook, RotateWebhookSecret, UpdateWebhook
from outdial_server.engine import Engine
from outdial_server.ports.sealing import Seal
from outdial_server.ports.webhooks import WebhookSender
from outdial_server.settings import Settings


def build_grpc_server(
    base: Foundation,
    carriers: CarrierRegistry,
    sealer: CredentialSealer,
    engine: Engine,
    metrics: CollectorRegistry,
    draining: asyncio.Event,
    forecast: ForecastBatch,
    webhook_sender: WebhookSender,
) -> GrpcServer:
    interceptor = RpcInterceptor(base.authenticate, base.clock, base.ids, RpcMetrics(metrics))
    retry = Retry(base.store.retries, base.store.batches, base.signals)
    watch = WatchStream(base.store.events, base.store.batches, base.clock, base.signals, draining)
    board = BoardStream(base.store.board, base.store.agents, base.clock, base.signals, draining)
    WatchMetrics(metrics, watch, board)
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
        _account_servicer(base),
        _agent_servicer(base),
        _batch_servicer(base, carriers, sealer.seal, retry, watch, board, explain, forecast),
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
        _webhook_servicer(base, sealer.seal, webhook_sender),
    )
    return GrpcServer(servicers, interceptor)


def _simulates(settings: Settings) -> bool:
    return settings.simulate or bool(settings.simulated_carrier_url)


def _account_servicer(base: Foundation) -> AccountServicer:
    store = base.store
    return AccountServicer(
        store.accounts,
        store.keys,
        CreateAccount(store.accounts, base.ids),
        UpdateAccount(store.accounts, base.signals),
        CreateKey(store.keys, base.ids, base.clock),
        base.authenticate,
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
    seal: Seal,
    retry: Retry,
    watch: WatchStream,
    board: BoardStream,
    explain: Explain,
    forecast: ForecastBatch,
) -> BatchServicer:
    batches, intake = base.store.batches, base.store.intake
    schemas = JsonSchemas()
    copies = CopyContacts(base.store.contact_folders, base.store.contacts)
    ahead = base.settings.schedule_ahead
    webhooks = BatchWebhooks(seal, base.settings.outgoing_guard)
    planner = BatchPlanner(base.ids, base.clock, carriers.names, webhooks, ahead, carriers.terms)
    readiness = CarrierReadiness(
        batches, base.store.agents, base.store.carrier_configs, carriers.terms
    )
    return BatchServicer(
        batches,
        base.store.events,
        CreateBatch(intake, planner, base.signals, schemas, copies),
        AddScheduledCalls(intake, base.signals, schemas, copies, carriers.terms),
        ImportScheduledCalls(intake, planner, base.ids, base.signals, schemas),
        base.store.imports,
        UpdateBatch(batches, base.signals, webhooks, ahead, carriers.terms),
        EstimateWindow(intake, planner),
        StartBatch(batches, base.signals, readiness),
        StopBatch(batches, base.clock, base.signals),
        retry,
        watch,
        board,
        explain,
        forecast,
        base.settings.import_silence_seconds,
        ShownSecrets(seal),
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
        ReportCallEvent(base.store.dispatch, base.signals),
    )


def _suppression_servicer(base: Foundation) -> SuppressionServicer:
    suppressions = base.store.suppressions
    create = CreateSuppressions(suppressions, base.clock, base.signals)
    return SuppressionServicer(suppressions, create)


def _webhook_servicer(base: Foundation, seal: Seal, sender: WebhookSender) -> WebhookServicer:
    webhooks, guard = base.store.webhooks, base.settings.outgoing_guard
    return WebhookServicer(
        webhooks,
        CreateWebhook(webhooks, base.ids, seal, guard, base.signals),
        UpdateWebhook(webhooks, guard, base.signals),
        RotateWebhookSecret(webhooks, base.ids, seal),
        webhooks,
        RedeliverWebhookEvents(webhooks, base.signals),
        SendTestWebhook(webhooks, sender, base.ids, base.clock),
        ShownSecrets(seal),
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
