"""Lists of people to dial, stored by the store's own verbs."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from shutil import copyfile

import uvloop

from benchmarks.apart import apart
from benchmarks.options import Options
from outdial_server.adapters.metrics import PrometheusTelemetry, server_registry
from outdial_server.app.foundation import Foundation, open_foundation
from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.ports.intake import NewBatch, Outcome
from outdial_server.settings import Settings
from outdial_server.storage import Store
from outdial_server.storage.opening import SqliteFile, parse_url

CARRIER = "simulated"


@dataclass(frozen=True, slots=True)
class StoredList:
    """A batch that waits to be started, in a database that nobody has open."""

    url: str
    account_id: AccountId
    agent_id: AgentId
    batch_id: BatchId
    slots: int
    rows: int


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def sqlite_path(stored: StoredList) -> str:
    place = parse_url(stored.url)
    assert isinstance(place, SqliteFile), "on PostgreSQL"
    return place.path


def copied(stored: StoredList, original: Path, path: Path) -> StoredList:
    """The same list in a copy of its SQLite file."""
    copyfile(original, path)
    return replace(stored, url=sqlite_url(path))


def opened(url: str) -> AbstractAsyncContextManager[Foundation]:
    """What a server is built on, metrics and all, without its ports."""
    return open_foundation(Settings(database_url=url), PrometheusTelemetry(server_registry()))


def people(count: int, first: int = 0) -> Iterator[NewScheduledCall]:
    for n in range(first, first + count):
        address = f"+1{2_000_000_000 + n}"
        yield NewScheduledCall(address, address)


def store_list(url: str, rows: int, slots: int = 100) -> StoredList:
    """Makes a draft batch in a database that is empty, or new if it is a file."""
    return uvloop.run(_store_list(url, rows, slots))


async def _store_list(url: str, rows: int, slots: int) -> StoredList:
    async with opened(url) as base:
        account_id = AccountId(base.ids.new_id())
        agent_id = AgentId(base.ids.new_id())
        await base.store.accounts.create_account(account_id, "Harbour Clinic", slots, 0)
        await base.store.agents.create_agent(account_id, agent_id, AgentFields("Ada", None, {}))
        new = draft_of(base, account_id, agent_id, BatchSettings("Reminders"))
        await store_batch(base.store, new, slices_of(rows))
    return StoredList(url, account_id, agent_id, new.batch_id, slots, rows)


def draft_of(
    base: Foundation, account_id: AccountId, agent_id: AgentId, settings: BatchSettings
) -> NewBatch:
    batch_id = BatchId(base.ids.new_id())
    keep = DuplicatePolicy.KEEP
    return NewBatch(batch_id, account_id, agent_id, CARRIER, keep, settings, draft=True)


Slices = Iterable[Sequence[NewScheduledCall]]


def slices_of(rows: int) -> Slices:
    for first in range(0, rows, SLICE_ROWS):
        yield list(people(min(SLICE_ROWS, rows - first), first))


async def store_batch(store: Store, new: NewBatch, slices: Slices) -> None:
    async with store.intake.new_batch(new, None) as staging:
        for piece in slices:
            await staging.stage(piece)
        await staging.reveal(Outcome(), None)


def large_list(options: Options) -> StoredList:
    """A million people, made once a run; whoever dials them leaves the batch paused."""
    rows = options.amount(1_000_000, 200_000, 20_000)
    return _stored_once(sqlite_url(options.shared / "large.db"), rows)


@cache
def _stored_once(url: str, rows: int) -> StoredList:
    return apart(store_list, url, rows)
