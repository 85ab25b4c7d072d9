"""Lists of people to dial, stored by the store's own verbs."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile

import uvloop

from outdial_server.adapters.metrics import PrometheusTelemetry, server_registry
from outdial_server.app import Foundation, open_foundation
from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain.account import AgentFields
from outdial_server.domain.batch import BatchSettings, DuplicatePolicy
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.ports.intake import NewBatch, Outcome
from outdial_server.settings import Settings

CARRIER = "simulated"


@dataclass(frozen=True, slots=True)
class StoredList:
    """A batch that waits to be started, in a database that nobody has open."""

    url: str
    account_id: AccountId
    batch_id: BatchId
    slots: int


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


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
        batch_id = BatchId(base.ids.new_id())
        store = base.store
        await store.accounts.create_account(account_id, "Harbour Clinic", slots, 0)
        await store.agents.create_agent(account_id, agent_id, AgentFields("Ada", None, {}))
        new = NewBatch(
            batch_id,
            account_id,
            agent_id,
            CARRIER,
            DuplicatePolicy.KEEP,
            BatchSettings("Reminders"),
            draft=True,
        )
        async with store.intake.new_batch(new, None) as staging:
            for first in range(0, rows, SLICE_ROWS):
                await staging.stage([*people(min(SLICE_ROWS, rows - first), first)])
            await staging.reveal(Outcome(), None)
    return StoredList(url, account_id, batch_id, slots)
