"""Contacts and their folders as resources."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from outdial_server.domain.contact import ContactFields
from outdial_server.domain.contact_folder import (
    ContactFolder,
    ContactFolderFields,
    FolderOrder,
    FolderSort,
)
from outdial_server.domain.errors import (
    AlreadyExistsError,
    InvalidFieldsError,
    NotFoundError,
    Reason,
)
from outdial_server.domain.ids import ContactFolderId, ContactId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.retention import Retention
from outdial_server.ports.contacts import ContactFilter
from outdial_server.storage.verbs import contacts as contact_verbs
from support.contacts import contact, folder, person
from support.invariants import check_invariants
from support.stores import NO_ID, World, all_pages, number

FULL = ContactFields(
    "SIP:ada@Example.net",
    "sip:ada@example.net",
    "Ada",
    "Königsberg",
    "ada@example.net",
    "Harbour Clinic",
    "Health",
    "Vienna",
    "1010",
    ("vip", "a,b"),
    "Europe/Vienna",
    '{"city":"Graz","n":3}',
    {"k": "v"},
)


async def count_in(world: World, folder: ContactFolder) -> int:
    folders = world.store.contact_folders
    return (await folders.get_folder(world.account_id, folder.contact_folder_id)).contact_count


async def names_in_order(world: World, order: FolderOrder) -> list[str]:
    listed, pages = await all_pages(
        lambda page: world.store.contact_folders.list_folders(world.account_id, page, order)
    )
    assert pages > 1
    return [folder.fields.display_name for folder in listed]


async def found(world: World, *words: str, **filters: Any) -> Sequence[str]:
    wanted = ContactFilter(words=words, **filters)
    listed, _ = await all_pages(
        lambda page: world.store.contacts.list_contacts(world.account_id, page, wanted)
    )
    return [contact.fields.normalized_address for contact in listed]


# --- folders


async def test_a_folder_is_read_as_it_was_made_and_changed(world: World) -> None:
    made = await folder(world)
    store = world.store.contact_folders
    assert await store.get_folder(world.account_id, made.contact_folder_id) == made
    assert (made.contact_count, made.revision) == (0, 1)
    world.advance(seconds=1)
    after = ContactFolderFields("Clients", "all of them")
    changed = await store.change_folder(world.account_id, made.contact_folder_id, lambda f: after)
    assert (changed.fields, changed.revision) == (after, 2)
    assert changed.updated_at > changed.created_at
    again = await store.change_folder(world.account_id, made.contact_folder_id, lambda f: after)
    assert again == changed


async def test_folders_are_listed_by_age_name_or_size(world: World) -> None:
    made = [await folder(world, name) for name in ("b", "C", "a", "ä", "B")]
    for n, (index, count) in enumerate([(0, 2), (1, 1), (3, 2)]):
        for k in range(count):
            await contact(world, made[index], person(10 * n + k))
    by_name = ["a", "b", "B", "C", "ä"]
    by_count = ["a", "B", "C", "b", "ä"]
    by_age = ["b", "C", "a", "ä", "B"]
    for sort, expected in [
        (FolderSort.CREATE_TIME, by_age),
        (FolderSort.DISPLAY_NAME, by_name),
        (FolderSort.CONTACT_COUNT, by_count),
    ]:
        assert await names_in_order(world, FolderOrder(sort)) == expected
        assert await names_in_order(world, FolderOrder(sort, descending=True)) == expected[::-1]


async def test_folders_are_found_by_name_and_may_share_it(world: World) -> None:
    twins = [await folder(world, "Twins") for _ in range(2)]
    await folder(world, "Other")
    page = await world.store.contact_folders.list_folders(
        world.account_id, PageRequest(), FolderOrder(), "Twins"
    )
    assert page.items == twins


@pytest.mark.parametrize("token", ["x", "b.zz.x", "b.61.", "i.1", "b..YWdlbnRzOjE"])
async def test_a_token_of_another_list_is_refused(world: World, token: str) -> None:
    for order in (FolderOrder(), FolderOrder(FolderSort.DISPLAY_NAME)):
        with pytest.raises(InvalidFieldsError) as refusal:
            await world.store.contact_folders.list_folders(
                world.account_id, PageRequest(2, token), order
            )
        assert refusal.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_a_folder_is_deleted_with_its_contacts_in_groups(world: World) -> None:
    made, other = await folder(world), await folder(world, "Other")
    inside = [await contact(world, made, person(n)) for n in range(5)]
    kept = await contact(world, other, person(0))
    await world.store.contact_folders.delete_folder(world.account_id, made.contact_folder_id)
    with pytest.raises(NotFoundError) as refusal:
        await world.store.contacts.get_contact(world.account_id, inside[0].contact_id)
    assert refusal.value.reason is Reason.CONTACT_NOT_FOUND
    assert await found(world) == [kept.fields.normalized_address]
    with pytest.raises(NotFoundError):
        await contact(world, made, person(9))
    groups = []
    while (swept := await world.store.retention.erase(Retention(), 2)).more:
        groups.append(swept.erased.contacts)
    assert sum(groups) == 5
    assert max(groups) <= 2
    assert await world.sql("SELECT COUNT(*) FROM contacts") == [(1,)]
    assert await world.sql("SELECT COUNT(*) FROM contact_folders") == [(1,)]


# --- contacts


async def test_a_contact_is_read_as_it_was_made(world: World) -> None:
    made = await contact(world, await folder(world), FULL)
    assert made.fields == FULL
    assert (made.calls.count, made.calls.last_at, made.calls.last_disposition) == (0, None, None)
    read = await world.store.contacts.get_contact(world.account_id, made.contact_id)
    assert read == made


async def test_a_folder_has_an_address_once_and_counts_its_contacts(world: World) -> None:
    made, other = await folder(world), await folder(world, "Other")
    first = await contact(world, made, person(1))
    with pytest.raises(AlreadyExistsError) as refusal:
        await contact(world, made, person(1))
    assert refusal.value.reason is Reason.CONTACT_EXISTS
    assert refusal.value.metadata == {"contact_id": first.contact_id}
    await contact(world, other, person(1))
    await contact(world, made, person(2))
    assert (await count_in(world, made), await count_in(world, other)) == (2, 1)
    await world.store.contacts.delete_contact(world.account_id, first.contact_id)
    assert await count_in(world, made) == 1
    await contact(world, made, person(1))
    await check_invariants(world.store)


async def test_a_contact_is_changed_but_not_into_another(world: World) -> None:
    made = await folder(world)
    first, second = [await contact(world, made, person(n)) for n in (1, 2)]
    store = world.store.contacts
    world.advance(seconds=1)
    changed = await store.change_contact(world.account_id, first.contact_id, lambda c: FULL)
    assert (changed.fields, changed.revision) == (FULL, 2)
    assert await found(world, "königsberg") == [FULL.normalized_address]
    with pytest.raises(AlreadyExistsError) as refusal:
        await store.change_contact(
            world.account_id, second.contact_id, lambda c: replace(FULL, first_name="B")
        )
    assert refusal.value.metadata == {"contact_id": first.contact_id}
    assert await count_in(world, made) == 2


async def test_contacts_of_another_account_are_not_found(world: World) -> None:
    made = await folder(world)
    inside = await contact(world, made, person(1))
    stranger = await world.new_account()
    contacts, folders = world.store.contacts, world.store.contact_folders
    for account_id, contact_id, folder_id in [
        (stranger, inside.contact_id, made.contact_folder_id),
        (world.account_id, ContactId(NO_ID), ContactFolderId(NO_ID)),
        (world.account_id, ContactId("no uuid"), ContactFolderId("no uuid")),
    ]:
        for attempt in (
            contacts.get_contact(account_id, contact_id),
            contacts.delete_contact(account_id, contact_id),
            contacts.change_contact(account_id, contact_id, lambda c: c.fields),
        ):
            with pytest.raises(NotFoundError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.CONTACT_NOT_FOUND
        for attempt in (
            folders.get_folder(account_id, folder_id),
            folders.delete_folder(account_id, folder_id),
            folders.change_folder(account_id, folder_id, lambda f: f.fields),
            contacts.create_contact(account_id, ContactId(NO_ID), folder_id, person(2)),
            contacts.list_contacts(account_id, PageRequest(), ContactFilter(folder_id)),
        ):
            with pytest.raises(NotFoundError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.CONTACT_FOLDER_NOT_FOUND
    assert not (await contacts.list_contacts(stranger, PageRequest(), ContactFilter())).items


async def test_a_request_that_is_repeated_makes_one(world: World) -> None:
    made = await folder(world)
    request = world.request("r-1", surface="CreateContact")
    first, again = [
        await world.store.contacts.create_contact(
            world.account_id,
            ContactId(world.ids.new_id()),
            made.contact_folder_id,
            person(1),
            request,
        )
        for _ in range(2)
    ]
    assert again == first
    folders = [
        await world.store.contact_folders.create_folder(
            world.account_id,
            ContactFolderId(world.ids.new_id()),
            ContactFolderFields("x"),
            world.request("r-1", surface="CreateContactFolder"),
        )
        for _ in range(2)
    ]
    assert folders[0] == folders[1]


async def test_contacts_are_listed_by_folder_words_and_how_the_last_call_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that a page ends in the middle of what is looked through.
    monkeypatch.setattr(contact_verbs, "ROWS_PER_LOOK", 3)
    made, other = await folder(world), await folder(world, "Other")
    people = [
        person(1, first_name="Ada", last_name="König"),
        person(2, first_name="Bea", email="bea_100%!@example.net"),
        *(person(n) for n in range(3, 9)),
        person(9, first_name="ADA"),
    ]
    for fields in people:
        await contact(world, made, fields)
    await contact(world, other, person(1, first_name="Ada"))
    folder_id = made.contact_folder_id
    assert await found(world, folder_id=folder_id) == [number(n) for n in range(1, 10)]
    assert await found(world) == [*(number(n) for n in range(1, 10)), number(1)]
    assert await found(world, "ada", folder_id=folder_id) == [number(1), number(9)]
    assert await found(world, "ada", "kön", folder_id=folder_id) == [number(1)]
    assert await found(world, "_100%!") == [number(2)]
    assert await found(world, "a_a") == []
    assert await found(world, "%") == [number(2)]
    assert await found(world, number(5)) == [number(5)]
