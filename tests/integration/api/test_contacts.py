"""Contacts and their folders over gRPC."""

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.contact_pb2 import Contact, ContactFolder, ContactSelection
from outdial.v1.contact_service_pb2 import ImportContactsRequest
from outdial.v1.import_pb2 import (
    IMPORT_STATE_ADDED,
    ContactImportOptions,
    ContactImportRow,
    ContactImportRows,
    ImportEnd,
)
from tests.integration.api.conftest import new_tenant, watch_to_the_end

from support.grpc import Metadata, call

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def new_folder(channel: grpc.aio.Channel, key: Metadata, name: str = "Patients") -> str:
    folder = ContactFolder(display_name=name)
    made = await call(channel, "CreateContactFolder", key, contact_folder=folder)
    folder_id: str = made.contact_folder.contact_folder_id
    return folder_id


def own_fields(**values: object) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


async def test_a_folder_is_read_listed_changed_and_deleted(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "folders")).key
    folder_id = await new_folder(grpc_channel, key)
    changed = await call(
        grpc_channel,
        "UpdateContactFolder",
        key,
        contact_folder=ContactFolder(contact_folder_id=folder_id, description="all of them"),
    )
    assert changed.contact_folder.display_name == "Patients"
    read = await call(grpc_channel, "GetContactFolder", key, contact_folder_id=folder_id)
    assert read.contact_folder == changed.contact_folder
    await new_folder(grpc_channel, key, "Aunts")
    for order_by, names in [
        ("", ["Patients", "Aunts"]),
        ("display_name", ["Aunts", "Patients"]),
        ("create_time desc", ["Aunts", "Patients"]),
    ]:
        listed = await call(grpc_channel, "ListContactFolders", key, order_by=order_by)
        assert [folder.display_name for folder in listed.contact_folders] == names
    await call(grpc_channel, "DeleteContactFolder", key, contact_folder_id=folder_id)
    left = await call(grpc_channel, "ListContactFolders", key)
    assert [folder.display_name for folder in left.contact_folders] == ["Aunts"]


async def test_a_contact_is_read_found_changed_and_deleted(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "contacts")).key
    folder_id = await new_folder(grpc_channel, key)
    wanted = Contact(
        contact_folder_id=folder_id,
        address="+1 (555) 123-0001",
        first_name="Ada",
        last_name="König",
        email="ada@example.net",
        company_name="Harbour Clinic",
        industry="Health",
        location="Vienna",
        postal_code="1010",
        keywords=["vip", "a,b"],
        time_zone="Europe/Vienna",
        custom_fields=own_fields(city="Graz", visits=3),
        metadata={"k": "v"},
    )
    made = (await call(grpc_channel, "CreateContact", key, contact=wanted)).contact
    assert made.address == made.normalized_address == "+15551230001"
    assert made.custom_fields == wanted.custom_fields
    assert (list(made.keywords), dict(made.metadata)) == (["vip", "a,b"], {"k": "v"})
    assert (made.call_count, made.HasField("last_call_time"), made.last_disposition) == (
        0,
        False,
        0,
    )
    found = await call(grpc_channel, "ListContacts", key, search="könig ada")
    assert list(found.contacts) == [made]
    changed = await call(
        grpc_channel,
        "UpdateContact",
        key,
        contact=Contact(contact_id=made.contact_id, first_name="Bea", etag=made.etag),
        update_mask=FieldMask(paths=["first_name", "custom_fields"]),
    )
    assert changed.contact.first_name == "Bea"
    assert changed.contact.last_name == "König"
    assert not changed.contact.HasField("custom_fields")
    read = await call(grpc_channel, "GetContact", key, contact_id=made.contact_id)
    assert read.contact == changed.contact
    folder = await call(grpc_channel, "GetContactFolder", key, contact_folder_id=folder_id)
    assert folder.contact_folder.contact_count == 1
    await call(grpc_channel, "DeleteContact", key, contact_id=made.contact_id)
    listed = await call(grpc_channel, "ListContacts", key, contact_folder_id=folder_id)
    assert not listed.contacts


async def test_a_batch_is_made_of_a_folder_and_its_contacts_learn_of_the_calls(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "called")).key
    folder_id, other_id = [await new_folder(grpc_channel, key, name) for name in ("A", "B")]
    people = [
        await call(
            grpc_channel,
            "CreateContact",
            key,
            contact=Contact(
                contact_folder_id=id_,
                address=address,
                first_name="Ada",
                custom_fields=own_fields(city="Graz"),
            ),
        )
        for id_, address in [(folder_id, "+15551230001"), (other_id, "+15551230002")]
    ]
    agent = Agent(display_name="Ada", prompt="Hello {{first_name}} of {{city}}")
    agent_id = (await call(grpc_channel, "CreateAgent", key, agent=agent)).agent.agent_id
    made = await call(
        grpc_channel,
        "CreateBatch",
        key,
        batch=Batch(agent_id=agent_id, display_name="list"),
        contacts=ContactSelection(
            contact_folder_ids=[folder_id], contact_ids=[people[1].contact.contact_id]
        ),
    )
    batch_id = made.batch.batch_id
    await watch_to_the_end(grpc_channel, key, batch_id)
    rows = await call(grpc_channel, "ListScheduledCalls", key, batch_id=batch_id)
    assert [(row.contact_id, row.contact_folder_id) for row in rows.scheduled_calls] == [
        (made.contact.contact_id, made.contact.contact_folder_id) for made in people
    ]
    assert rows.scheduled_calls[0].template_context == own_fields(
        first_name="Ada", city="Graz", phone_number="+15551230001"
    )
    for row in rows.scheduled_calls:
        read = await call(grpc_channel, "GetContact", key, contact_id=row.contact_id)
        assert read.contact.call_count == 1
        assert read.contact.last_disposition == row.disposition
        assert read.contact.HasField("last_call_time")
    found = await call(
        grpc_channel, "ListContacts", key, last_dispositions=[rows.scheduled_calls[0].disposition]
    )
    assert people[0].contact.contact_id in {one.contact_id for one in found.contacts}


async def test_the_contacts_of_a_repeated_request_are_copied_once(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "repeated")).key
    folder_id = await new_folder(grpc_channel, key)
    person = Contact(contact_folder_id=folder_id, address="+15551230001")
    await call(grpc_channel, "CreateContact", key, contact=person)
    agent = await call(grpc_channel, "CreateAgent", key, agent=Agent(display_name="Ada"))
    selection = ContactSelection(contact_folder_ids=[folder_id])
    draft = await call(
        grpc_channel,
        "CreateBatch",
        key,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="list"),
        draft=True,
    )
    for _ in range(2):
        added = await call(
            grpc_channel,
            "AddScheduledCalls",
            key,
            batch_id=draft.batch.batch_id,
            contacts=selection,
            request_id="r-1",
        )
        assert added.batch.counts.total == 1


async def test_a_list_goes_into_a_folder_and_then_into_a_batch(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "imported")).key
    folder_id = await new_folder(grpc_channel, key)
    person = Contact(contact_folder_id=folder_id, address="+15550000003", first_name="Ada")
    there = (await call(grpc_channel, "CreateContact", key, contact=person)).contact
    people = [
        Contact(address=f"+1555{n:07}", last_name=f"n{n}", custom_fields=own_fields(n=n))
        for n in range(1200)
    ]
    options = ContactImportOptions(
        contact_folder_id=folder_id, overwrite_existing=True, request_id="r-1"
    )
    for in_message in (500, 700):
        rows = [ContactImportRow(contact=contact) for contact in people]
        messages = [
            ImportContactsRequest(options=options),
            *(
                ImportContactsRequest(rows=ContactImportRows(rows=rows[at : at + in_message]))
                for at in range(0, len(rows), in_message)
            ),
            ImportContactsRequest(end=ImportEnd(row_count=len(rows))),
        ]
        done = await call(grpc_channel, "ImportContacts", key, messages)
        shown = getattr(done, "import")
        assert (shown.added_count, shown.updated_count, shown.refused_count) == (1199, 1, 0)
        assert (shown.state, shown.contact_folder_id) == (IMPORT_STATE_ADDED, folder_id)
        assert done.contact_folder.contact_count == 1200
    again = await call(grpc_channel, "GetImport", key, import_id=shown.import_id)
    assert getattr(again, "import") == shown
    read = (await call(grpc_channel, "GetContact", key, contact_id=there.contact_id)).contact
    assert (read.first_name, read.last_name) == ("Ada", "n3")
    assert read.custom_fields == own_fields(n=3)
    agent = Agent(display_name="Ada", prompt="{{last_name}} {{n}}")
    agent_id = (await call(grpc_channel, "CreateAgent", key, agent=agent)).agent.agent_id
    made = await call(
        grpc_channel,
        "CreateBatch",
        key,
        batch=Batch(agent_id=agent_id, display_name="list"),
        contacts=ContactSelection(contact_folder_ids=[folder_id]),
        draft=True,
    )
    assert made.batch.counts.total == 1200
