"""A server's content with something in each state, for requests that do not fit it."""

import asyncio
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.account_pb2 import API_KEY_SCOPE_READ, API_KEY_SCOPE_WRITE
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import DUPLICATE_POLICY_REJECT, Batch
from outdial.v1.batch_service_pb2 import WATCH_SCOPE_BATCH, WatchBatchRequest
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest as Message
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.contact_service_pb2 import ImportContactsRequest
from outdial.v1.import_pb2 import (
    ContactImportOptions,
    ContactImportRow,
    ContactImportRows,
    ImportEnd,
    ImportOptions,
    ImportRow,
    ImportRows,
)
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule
from outdial.v1.webhook_pb2 import Webhook
from tests.integration.api.conftest import Tenant, new_key, new_tenant, watch_to_the_end

from outdial_server.domain.limits import NUMBERS_PER_POOL_MAX
from outdial_server.storage import schema
from support.grpc import Metadata, call, with_key

# By the simulated carrier's magic numbers: one call that lives for an hour, one that ends.
ANSWERED, BUSY = "+12025550100", "+12025550102"
SUPPRESSED = "+15551239999"
PROFILE = "fast,magic_numbers=true,talk_ms=3600000"

USED_REQUEST_ID = "used before"

Dump = Mapping[str, list[tuple[Any, ...]]]


HOOK = "https://hooks.example.com/outdial"


@dataclass(frozen=True)
class Belongings:
    """Ids of one account: something of each kind."""

    tenant: Tenant
    agent_id: str
    draft_id: str
    waiting_row_id: str
    completed_id: str
    ended_row_id: str
    ended_call_id: str


@dataclass(frozen=True)
class World:
    ours: Belongings
    theirs: Belongings
    empty_draft_id: str
    # A draft with one row, and duplicates are refused.
    rejecting_id: str
    scheduled_id: str
    running_id: str
    live_row_id: str
    live_call_id: str
    paused_id: str
    cancelled_id: str
    cancelled_row_id: str
    deleted_id: str
    # Its window is over by now.
    late_draft_id: str
    # Completed, and so is its window.
    closed_id: str
    closed_row_id: str
    import_id: str
    their_import_id: str
    their_suppression_id: str
    # On our do-not-call list.
    suppressed: str
    # A batch that waits names it.
    throttle_id: str
    their_throttle_id: str
    # With two contacts in it, the first of them `contact_id`.
    contact_folder_id: str
    contact_id: str
    empty_folder_id: str
    their_contact_folder_id: str
    their_contact_id: str
    # Bound to an agent.
    bound_number_id: str
    free_number_id: str
    their_number_id: str
    # Not active any more.
    resting_number_id: str
    # A draft that lists that one alone.
    listing_draft_id: str
    # Has as many numbers as an agent may have.
    full_agent_id: str
    # A batch that waits names it; and one of a carrier that the server had once.
    carrier_config_id: str
    old_carrier_config_id: str
    their_carrier_config_id: str
    webhook_id: str
    their_webhook_id: str
    # Its one slot is taken by a direct call that lives.
    busy_agent_id: str
    # A direct call that waits for it.
    waiting_call_id: str
    # Not active any more.
    resting_agent_id: str
    resting_draft_id: str
    reader: Metadata
    writer: Metadata
    revoked: Metadata
    expired: Metadata

    @property
    def key(self) -> Metadata:
        return self.ours.tenant.key


def in_an_hour() -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    return moment


class Builder:
    """Makes what is in one account."""

    def __init__(self, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self._channel = channel
        self._tenant = tenant

    async def call(self, name: str, **fields: Any) -> Any:
        return await call(self._channel, name, self._tenant.key, **fields)

    async def agent(self, name: str) -> str:
        made = await self.call(
            "CreateAgent", agent=Agent(display_name=name), request_id=USED_REQUEST_ID + name
        )
        agent_id: str = made.agent.agent_id
        return agent_id

    async def batch(
        self,
        agent_id: str,
        *addresses: str,
        draft: bool = False,
        request_id: str = "",
        **fields: Any,
    ) -> str:
        made = await self.call(
            "CreateBatch",
            batch=Batch(agent_id=agent_id, display_name="list", **fields),
            scheduled_calls=[ScheduledCall(address=address) for address in addresses],
            draft=draft,
            request_id=request_id,
        )
        batch_id: str = made.batch.batch_id
        return batch_id

    async def imported(self, batch_id: str) -> str:
        row = ImportRow(scheduled_call=ScheduledCall(address=ANSWERED))
        made = await call(
            self._channel,
            "ImportScheduledCalls",
            self._tenant.key,
            [
                Message(options=ImportOptions(batch_id=batch_id, request_id=USED_REQUEST_ID)),
                Message(rows=ImportRows(rows=[row])),
                Message(end=ImportEnd(row_count=1)),
            ],
        )
        import_id: str = getattr(made, "import").import_id
        return import_id

    async def webhook(self) -> str:
        # Not active, so that nothing changes behind the requests.
        webhook = Webhook(url=HOOK, active=False)
        made = await self.call("CreateWebhook", webhook=webhook)
        webhook_id: str = made.webhook.webhook_id
        return webhook_id

    async def throttle(self) -> str:
        rules = [ThrottleRule(max_calls=5, window=Duration(seconds=1))]
        throttle = Throttle(display_name="slow", rules=rules)
        made = await self.call("CreateThrottle", throttle=throttle)
        throttle_id: str = made.throttle.throttle_id
        return throttle_id

    async def folder(self, name: str, request_id: str = "") -> str:
        folder = ContactFolder(display_name=name)
        made = await self.call("CreateContactFolder", contact_folder=folder, request_id=request_id)
        folder_id: str = made.contact_folder.contact_folder_id
        return folder_id

    async def contacts(self) -> tuple[str, str]:
        """A folder with two contacts, and the first of them."""
        folder_id = await self.folder("Patients", USED_REQUEST_ID)
        first, _ = [
            await self.call(
                "CreateContact",
                contact=Contact(contact_folder_id=folder_id, address=address),
                request_id=USED_REQUEST_ID + address,
            )
            for address in (BUSY, ANSWERED)
        ]
        row = ContactImportRow(contact=Contact(address=BUSY))
        options = ContactImportOptions(contact_folder_id=folder_id, request_id=USED_REQUEST_ID)
        messages = [
            ImportContactsRequest(options=options),
            ImportContactsRequest(rows=ContactImportRows(rows=[row])),
            ImportContactsRequest(end=ImportEnd(row_count=1)),
        ]
        await call(self._channel, "ImportContacts", self._tenant.key, messages)
        return folder_id, first.contact.contact_id

    async def number(self, address: str, agent_id: str = "") -> str:
        made = await self.call("CreatePhoneNumber", phone_number=PhoneNumber(address=address))
        number_id: str = made.phone_number.phone_number_id
        if agent_id:
            await self.call("BindPhoneNumber", phone_number_id=number_id, agent_id=agent_id)
        return number_id

    async def carrier_config(self, name: str = "main") -> str:
        config = CarrierConfig(display_name=name, carrier="simulated")
        made = await self.call("CreateCarrierConfig", carrier_config=config)
        config_id: str = made.carrier_config.carrier_config_id
        return config_id

    async def suppression(self) -> str:
        made = await self.call("CreateSuppressions", addresses=[SUPPRESSED])
        suppression_id: str = made.suppressions[0].suppression_id
        return suppression_id

    async def suppressed(self) -> str:
        await self.suppression()
        return SUPPRESSED

    async def busy_agent(self) -> str:
        agent = Agent(display_name="Busy", max_concurrent_calls=1)
        made = await self.call("CreateAgent", agent=agent)
        agent_id: str = made.agent.agent_id
        called = await self.call(
            "CreateCall", agent_id=agent_id, address=ANSWERED, request_id=USED_REQUEST_ID
        )
        call_id = called.call.call_id
        async with asyncio.timeout(30):
            while not (await self.call("GetCall", call_id=call_id)).call.HasField("answer_time"):
                pass
        return agent_id

    async def waiting_call(self, agent_id: str) -> str:
        later = Timestamp()
        later.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
        made = await self.call("CreateCall", agent_id=agent_id, address=ANSWERED, wait_until=later)
        call_id: str = made.call.call_id
        return call_id

    async def first_row(self, batch_id: str) -> str:
        rows = await self.call("ListScheduledCalls", batch_id=batch_id)
        row_id: str = rows.scheduled_calls[0].scheduled_call_id
        return row_id

    async def first_call(self, batch_id: str) -> str:
        calls = await self.call("ListCalls", batch_id=batch_id)
        call_id: str = calls.calls[0].call_id
        return call_id

    async def until_answered(self, batch_id: str) -> None:
        request = WatchBatchRequest(batch_id=batch_id, scope=WATCH_SCOPE_BATCH)
        stream = BatchServiceStub(self._channel).WatchBatch(request, metadata=self._tenant.key)
        async for message in stream:
            if message.counts.in_progress:
                stream.cancel()
                return

    async def ended(self, agent_id: str, **fields: Any) -> str:
        batch_id = await self.batch(agent_id, BUSY, **fields)
        await watch_to_the_end(self._channel, self._tenant.key, batch_id)
        return batch_id

    async def belongings(self) -> Belongings:
        agent_id = await self.agent("Ada")
        # Whose name is taken.
        await self.agent("Idle")
        draft_id = await self.batch(agent_id, BUSY, draft=True)
        completed_id = await self.ended(agent_id)
        return Belongings(
            self._tenant,
            agent_id,
            draft_id,
            await self.first_row(draft_id),
            completed_id,
            await self.first_row(completed_id),
            await self.first_call(completed_id),
        )


async def build_world(channel: grpc.aio.Channel, database: str) -> World:
    tenants = [await new_tenant(channel, name) for name in ("ours", "theirs")]
    account_id = tenants[0].account_id
    ours, theirs = [await Builder(channel, tenant).belongings() for tenant in tenants]
    build, agent_id = Builder(channel, tenants[0]), ours.agent_id

    async def stopped(name: str) -> str:
        batch_id = await build.batch(agent_id, BUSY, window_start=in_an_hour())
        await build.call(name, batch_id=batch_id)
        return batch_id

    async def cancelled() -> str:
        """With all of its rows, so that nothing goes on in the background."""
        batch_id = await stopped("CancelBatch")
        await watch_to_the_end(channel, tenants[0].key, batch_id)
        return batch_id

    resting_id = await build.agent("Resting")
    resting_draft_id = await build.batch(resting_id, BUSY, draft=True)
    await build.call("UpdateAgent", agent=Agent(agent_id=resting_id, active=False))
    resting_number_id = await build.number("+15554000005")
    listing_draft_id = await build.batch(
        agent_id, BUSY, draft=True, phone_numbers=[resting_number_id]
    )
    resting_number = PhoneNumber(phone_number_id=resting_number_id, active=False)
    await build.call("UpdatePhoneNumber", phone_number=resting_number)
    throttle_id = await build.throttle()
    folder_id, contact_id = await build.contacts()
    their_folder_id, their_contact_id = await Builder(channel, tenants[1]).contacts()
    busy_agent_id = await build.busy_agent()
    full_agent_id = await build.agent("Many numbers")
    for n in range(NUMBERS_PER_POOL_MAX):
        await build.number(f"+15553{n:06d}", full_agent_id)
    config_id, old_config_id = await build.carrier_config(), await build.carrier_config("old")
    running_id = await build.batch(agent_id, ANSWERED)
    await build.until_answered(running_id)
    cancelled_id, deleted_id = await cancelled(), await cancelled()
    await build.call("DeleteBatch", batch_id=deleted_id)
    revoked_id, revoked = await new_key(channel, account_id)
    await build.call("RevokeApiKey", api_key_id=revoked_id)
    _, expired = await new_key(channel, account_id)
    closed_id = await build.ended(agent_id, window_end=in_an_hour())
    late_draft_id = await build.batch(agent_id, BUSY, draft=True, window_end=in_an_hour())
    await asyncio.to_thread(
        _let_time_pass, database, key_prefix=expired[:8], batch_ids=[closed_id, late_draft_id]
    )
    scopes = (API_KEY_SCOPE_READ, API_KEY_SCOPE_WRITE)
    narrow = [with_key((await new_key(channel, account_id, (scope,)))[1]) for scope in scopes]
    return World(
        ours,
        theirs,
        empty_draft_id=await build.batch(agent_id, draft=True, request_id=USED_REQUEST_ID),
        rejecting_id=await build.batch(
            agent_id, BUSY, draft=True, duplicates=DUPLICATE_POLICY_REJECT
        ),
        scheduled_id=await build.batch(
            agent_id,
            BUSY,
            window_start=in_an_hour(),
            throttle=throttle_id,
            carrier_config=config_id,
        ),
        running_id=running_id,
        live_row_id=await build.first_row(running_id),
        live_call_id=await build.first_call(running_id),
        paused_id=await stopped("PauseBatch"),
        cancelled_id=cancelled_id,
        cancelled_row_id=await build.first_row(cancelled_id),
        deleted_id=deleted_id,
        late_draft_id=late_draft_id,
        closed_id=closed_id,
        closed_row_id=await build.first_row(closed_id),
        import_id=await build.imported(ours.draft_id),
        throttle_id=throttle_id,
        webhook_id=await build.webhook(),
        their_webhook_id=await Builder(channel, tenants[1]).webhook(),
        their_throttle_id=await Builder(channel, tenants[1]).throttle(),
        contact_folder_id=folder_id,
        contact_id=contact_id,
        empty_folder_id=await build.folder("Empty"),
        their_contact_folder_id=their_folder_id,
        their_contact_id=their_contact_id,
        bound_number_id=await build.number("+15554000001", await build.agent("Calls from one")),
        free_number_id=await build.number("+15554000002"),
        their_number_id=await Builder(channel, tenants[1]).number("+15554000002"),
        resting_number_id=resting_number_id,
        listing_draft_id=listing_draft_id,
        full_agent_id=full_agent_id,
        carrier_config_id=config_id,
        old_carrier_config_id=old_config_id,
        their_carrier_config_id=await Builder(channel, tenants[1]).carrier_config(),
        suppressed=await build.suppressed(),
        their_suppression_id=await Builder(channel, tenants[1]).suppression(),
        their_import_id=await Builder(channel, tenants[1]).imported(theirs.draft_id),
        busy_agent_id=busy_agent_id,
        waiting_call_id=await build.waiting_call(busy_agent_id),
        resting_agent_id=resting_id,
        resting_draft_id=resting_draft_id,
        reader=narrow[0],
        writer=narrow[1],
        revoked=with_key(revoked),
        expired=with_key(expired),
    )


def _let_time_pass(database: str, key_prefix: str, batch_ids: Sequence[str]) -> None:
    """In place of waiting until the key has expired, the windows have closed, and a carrier
    was given up."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE carrier_configs SET carrier = 'retired' WHERE display_name = 'old'"
        )
        connection.execute(
            "UPDATE api_keys SET expires_us = created_us WHERE prefix = ?", (key_prefix,)
        )
        connection.executemany(
            "UPDATE batches SET window_end_us = created_us WHERE id = ?",
            [(UUID(batch_id).bytes,) for batch_id in batch_ids],
        )


def dump(database: str, but: Collection[str] = ()) -> Dump:
    """Everything that the store holds, but for some tables."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in schema.metadata.tables
            if table not in but
        }
