"""Contacts and their folders over gRPC."""

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from outdial.v1.contact_pb2 import Contact, ContactFolder
from tests.integration.api.conftest import new_tenant

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
