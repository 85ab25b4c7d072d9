"""What everything is built on: settings, clock, ids and the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.shared_signals import SharedSignals
from outdial_server.adapters.signals import InProcessSignals
from outdial_server.commands.keys import Authenticate
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.settings import Settings, SettingsError
from outdial_server.storage import CannotOpenError, Store, is_shared, open_store


@dataclass(frozen=True, slots=True)
class Foundation:
    """What everything is built on."""

    settings: Settings
    clock: SystemClock
    ids: UuidV7Ids
    signals: InProcessSignals
    store: Store
    telemetry: Telemetry
    authenticate: Authenticate


@asynccontextmanager
async def open_foundation(
    settings: Settings, telemetry: Telemetry = NO_TELEMETRY
) -> AsyncIterator[Foundation]:
    clock = SystemClock()
    ids = UuidV7Ids(clock)
    try:
        signals = _signals(settings.database_url, clock)
        store = await open_store(
            settings.database_url, clock, ids, signals, telemetry, lease=settings.lease
        )
    except CannotOpenError as error:
        raise SettingsError(f"OUTDIAL_DATABASE_URL: {error}") from error
    try:
        authenticate = Authenticate(store.keys, clock)
        yield Foundation(settings, clock, ids, signals, store, telemetry, authenticate)
    finally:
        await store.close()


def _signals(database_url: str, clock: SystemClock) -> InProcessSignals:
    return SharedSignals(clock) if is_shared(database_url) else InProcessSignals(clock)
