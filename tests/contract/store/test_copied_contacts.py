"""Batches made from contacts: copies, and what the contacts learn of the calls."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from outdial_server.adapters.json_schema import JsonSchemas
from outdial_server.commands.add_scheduled_calls import AddScheduledCalls
from outdial_server.commands.contact_rows import CopyContacts
from outdial_server.commands.create_batch import CreateBatch
from outdial_server.commands.new_batch import BatchPlanner, BatchSpec
from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import Disposition
from outdial_server.domain.contact import Contact, ContactFields, ContactSelection
from outdial_server.domain.contact_folder import ContactFolder
from outdial_server.domain.errors import (
    InvalidFieldsError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import BatchId, ContactFolderId, ContactId
from outdial_server.domain.request import GrowingRequest, RequestName
from outdial_server.domain.row_checks import RawRow
from outdial_server.domain.scheduled_call import ScheduledCall
from outdial_server.ports.intake import StoredRows
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import staging
from outdial_server.storage.verbs.reporting import apply_reports
from support.clock import ManualSignals
from support.contacts import contact, folder, person
from support.invariants import check_invariants
from support.sealing import batch_webhooks
from support.statements import said_by
from support.stores import NO_ID, World, ended, not_sent, number, refused


async def inline(addresses: Sequence[str]) -> AsyncGenerator[Sequence[tuple[int, RawRow]], None]:
    if addresses:
        yield [(index, RawRow(address)) for index, address in enumerate(addresses)]


def selected(*chosen: ContactFolder | Contact) -> ContactSelection:
    return ContactSelection(
        tuple(one.contact_folder_id for one in chosen if isinstance(one, ContactFolder)),
        tuple(one.contact_id for one in chosen if isinstance(one, Contact)),
    )


async def made_of(
    world: World,
    selection: ContactSelection,
    addresses: Sequence[str] = (),
    request: GrowingRequest | None = None,
    duplicates: DuplicatePolicy = DuplicatePolicy.KEEP,
    **settings: Any,
) -> StoredRows:
    store = world.store
    create = CreateBatch(
        store.intake,
        BatchPlanner(world.ids, world.clock, ("simulated",), batch_webhooks()),
        ManualSignals(world.clock),
        JsonSchemas(),
        CopyContacts(store.contact_folders, store.contacts),
    )
    spec = BatchSpec(
        world.account_id,
        world.agent_id,
        "",
        duplicates,
        BatchSettings("Reminders", **settings),
        draft=False,
    )
    return await create.execute(spec, inline(addresses), request, selection)


async def rows_made_of(
    world: World, *chosen: ContactFolder | Contact, **values: Any
) -> list[ScheduledCall]:
    stored = await made_of(world, selected(*chosen), **values)
    return await world.rows(stored.batch.batch_id)


def context(row: ScheduledCall) -> Any:
    return orjson.loads(row.template_context_json)


async def learnt(world: World, contact: Contact) -> tuple[int, Disposition | None]:
    calls = (await world.store.contacts.get_contact(world.account_id, contact.contact_id)).calls
    return calls.count, calls.last_disposition


# --- copies


async def test_what_a_contact_says_becomes_the_context_of_its_row(world: World) -> None:
    made = await folder(world)
    ada = await contact(
        world,
        made,
        ContactFields(
            number(1),
            number(1),
            "Ada",
            "König",
            "ada@example.net",
            "Clinic",
            "Health",
            "Vienna",
            "1010",
            ("vip",),
            "Europe/Vienna",
            '{"city":"Graz","first_name":"not this"}',
            {"k": "v"},
        ),
    )
    (row,) = await rows_made_of(world, made)
    assert context(row) == {
        "first_name": "Ada",
        "last_name": "König",
        "email": "ada@example.net",
        "phone_number": number(1),
        "company_name": "Clinic",
        "industry": "Health",
        "location": "Vienna",
        "postal_code": "1010",
        "keywords": ["vip"],
        "city": "Graz",
    }
    assert (row.address, row.time_zone, row.metadata) == (number(1), "Europe/Vienna", {"k": "v"})
    assert (row.contact_id, row.contact_folder_id) == (ada.contact_id, made.contact_folder_id)


async def test_what_is_not_set_is_left_to_the_agent(world: World) -> None:
    made = await folder(world)
    await contact(world, made, person(1))
    (row,) = await rows_made_of(world, made)
    assert context(row) == {"phone_number": number(1)}


async def test_later_changes_change_nothing_in_the_batch(world: World) -> None:
    made = await folder(world)
    ada = await contact(world, made, person(1, first_name="Ada"))
    stored = await made_of(world, selected(made))
    contacts = world.store.contacts
    await contacts.change_contact(
        world.account_id, ada.contact_id, lambda c: replace(c.fields, first_name="Bea")
    )
    await contacts.delete_contact(world.account_id, ada.contact_id)
    await world.store.contact_folders.delete_folder(world.account_id, made.contact_folder_id)
    (row,) = await world.rows(stored.batch.batch_id)
    assert context(row)["first_name"] == "Ada"
    assert row.contact_id == ada.contact_id


async def test_each_contact_is_copied_once_folders_first_behind_the_rows_of_the_request(
    world: World,
) -> None:
    one, two = await folder(world), await folder(world, "Other")
    first, second = [await contact(world, one, person(n)) for n in (1, 2)]
    third, fourth = [await contact(world, two, person(n)) for n in (3, 4)]
    rows = await rows_made_of(world, fourth, first, two, third, one, addresses=[number(9)])
    assert [row.address for row in rows] == [number(n) for n in (9, 3, 4, 1, 2)]
    alone = await rows_made_of(world, second, third)
    assert [row.address for row in alone] == [number(2), number(3)]
    await check_invariants(world.store)


@pytest.mark.parametrize("policy", list(DuplicatePolicy))
async def test_a_number_in_two_folders_is_a_duplicate(
    world: World, policy: DuplicatePolicy
) -> None:
    one, two = await folder(world), await folder(world, "Other")
    for made in (one, two):
        await contact(world, made, person(1))
    double = await contact(world, two, person(2))
    both = selected(one, two)
    if policy is DuplicatePolicy.REJECT:
        with pytest.raises(InvalidFieldsError) as refusal:
            await made_of(world, both, [number(2)], duplicates=policy)
        assert refusal.value.reason is Reason.DUPLICATE_ADDRESS
        named = [violation.field for violation in refusal.value.violations]
        assert named[1] == f"contacts[{double.contact_id}].address"
        return
    stored = await made_of(world, both, [number(2)], duplicates=policy)
    assert (stored.duplicate_count, stored.skipped) == (2, ())
    assert stored.batch.counts.total == (4 if policy is DuplicatePolicy.KEEP else 2)


async def test_a_folder_that_is_not_there_or_empty_makes_no_batch(world: World) -> None:
    made = await folder(world, "Empty")
    for selection, reason in [
        (selected(made), Reason.CONTACT_FOLDER_EMPTY),
        (ContactSelection((ContactFolderId(NO_ID),)), Reason.CONTACT_FOLDER_NOT_FOUND),
        (ContactSelection((), (ContactId(NO_ID),)), Reason.CONTACT_NOT_FOUND),
        (ContactSelection((), (ContactId("nonsense"),)), Reason.CONTACT_NOT_FOUND),
    ]:
        with pytest.raises((NotFoundError, PreconditionError)) as refusal:
            await made_of(world, selection, [number(1)])
        assert refusal.value.reason is reason
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(0,)]
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(0,)]


async def test_contacts_are_checked_by_what_the_agent_needs(world: World) -> None:
    await world.store.agents.change_agent(
        world.account_id,
        world.agent_id,
        lambda a: AgentFields("Ada", None, {}, prompt="{{first_name}} of {{city}}"),
    )
    made = await folder(world)
    good = person(1, first_name="Ada", custom_fields_json='{"city":"Graz"}')
    await contact(world, made, good)
    bad = await contact(world, made, person(2, first_name="Bea"))
    with pytest.raises(InvalidFieldsError) as refusal:
        await made_of(world, selected(made))
    (violation,) = refusal.value.violations
    assert violation.field == f"contacts[{bad.contact_id}].template_context.city"


async def test_a_large_folder_is_copied_in_slices_without_whoever_comes_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await folder(world)
    for n in range(SLICE_ROWS + 20):
        await contact(world, made, person(n))
    read = type(world.store.contacts).list_contacts

    async def growing(self: Any, *arguments: Any) -> Any:
        page = await read(self, *arguments)
        world.advance(seconds=1)
        await contact(world, made, person(5_000 + world.clock.now().second))
        return page

    monkeypatch.setattr(type(world.store.contacts), "list_contacts", growing)
    stage, staged = staging.stage_rows, list[int]()

    def noted(tx: Tx, under_way: staging.Staged, offset: int, rows: Sequence[Any]) -> None:
        staged.append(len(rows))
        stage(tx, under_way, offset, rows)

    monkeypatch.setattr(staging, "stage_rows", noted)
    stored = await made_of(world, selected(made))
    assert stored.batch.counts.total == SLICE_ROWS + 20
    assert staged == [SLICE_ROWS, 20]
    await check_invariants(world.store)


async def test_a_repeated_request_needs_its_contacts_no_more(world: World) -> None:
    made = await folder(world)
    await contact(world, made, person(1))

    def request() -> GrowingRequest:
        return GrowingRequest(RequestName(world.account_id, "CreateBatch", "r-1"))

    first = await made_of(world, selected(made), request=request())
    await world.store.contact_folders.delete_folder(world.account_id, made.contact_folder_id)
    again = await made_of(world, selected(made), request=request())
    assert again.batch.batch_id == first.batch.batch_id


async def test_contacts_are_added_to_a_batch_that_is_there(world: World) -> None:
    made = await folder(world)
    await contact(world, made, person(1))
    batch_id = await world.batch(1)
    store = world.store
    add = AddScheduledCalls(
        store.intake,
        ManualSignals(world.clock),
        JsonSchemas(),
        CopyContacts(store.contact_folders, store.contacts),
    )
    stored = await add.execute(world.account_id, batch_id, inline(()), None, selected(made))
    assert stored.batch.counts.total == 2
    assert (await world.row(batch_id, 1)).contact_folder_id == made.contact_folder_id


# --- what contacts learn


async def test_a_contact_counts_its_calls_and_knows_how_the_latest_ended(world: World) -> None:
    made = await folder(world)
    ada, bea = [await contact(world, made, person(n)) for n in (1, 2)]
    await made_of(world, selected(made))
    first, second = await world.live()
    await world.apply(ended(first, Disposition.NO_ANSWER))
    assert await learnt(world, ada) == (1, Disposition.NO_ANSWER)
    assert await learnt(world, bea) == (0, None)
    # Told twice, it has ended once.
    await world.apply(ended(first, Disposition.NO_ANSWER), ended(second, Disposition.BUSY))
    assert await learnt(world, ada) == (1, Disposition.NO_ANSWER)
    assert await learnt(world, bea) == (1, Disposition.BUSY)
    read = await world.store.contacts.get_contact(world.account_id, bea.contact_id)
    assert read.calls.last_at == world.clock.now()
    assert (read.revision, read.updated_at) == (bea.revision, bea.updated_at)


async def test_the_latest_call_is_the_one_that_was_sent_last(world: World) -> None:
    made = await folder(world)
    ada = await contact(world, made, person(1))
    calls = []
    for _ in range(3):
        await made_of(world, selected(made))
        world.advance(seconds=1)
        calls += await world.live()
    await world.apply(ended(calls[1], Disposition.BUSY))
    assert await learnt(world, ada) == (1, Disposition.BUSY)
    # Both in one group, and the older of them last.
    await world.apply(ended(calls[2], Disposition.REJECTED), ended(calls[0], Disposition.NO_ANSWER))
    assert await learnt(world, ada) == (3, Disposition.REJECTED)


async def test_a_try_that_was_not_sent_is_no_call_and_a_refused_one_is(world: World) -> None:
    made = await folder(world)
    ada = await contact(world, made, person(1))
    await made_of(world, selected(made))
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    assert await learnt(world, ada) == (0, None)
    world.advance(seconds=60)
    (call,) = await world.sending()
    await world.apply(refused(call))
    assert await learnt(world, ada) == (1, Disposition.INVALID_NUMBER)


async def test_calls_to_contacts_that_are_gone_end_all_the_same(world: World) -> None:
    made = await folder(world)
    ada = await contact(world, made, person(1))
    stored = await made_of(world, selected(made))
    await world.store.contacts.delete_contact(world.account_id, ada.contact_id)
    (call,) = await world.live()
    await world.apply(ended(call))
    batch: BatchId = stored.batch.batch_id
    assert (await world.get(batch)).ended_at is not None


async def test_a_batch_without_contacts_says_nothing_to_them(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    _, statements = await said_by(world.store, lambda tx: apply_reports(tx, [ended(call)], ()))
    assert [text for text in statements if "UPDATE calls" in text]
    assert not [text for text in statements if "contacts" in text]
