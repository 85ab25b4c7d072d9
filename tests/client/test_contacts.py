"""Contacts and their folders from the SDK and the command."""

from google.protobuf.struct_pb2 import Struct
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import Batch, BatchCounts
from outdial.v1.batch_service_pb2 import AddScheduledCallsResponse, CreateBatchResponse
from outdial.v1.contact_pb2 import Contact, ContactFolder, ContactSelection
from outdial.v1.contact_service_pb2 import (
    CreateContactFolderResponse,
    CreateContactResponse,
    DeleteContactFolderResponse,
    DeleteContactResponse,
    GetContactFolderResponse,
    GetContactResponse,
    ListContactFoldersResponse,
    ListContactsResponse,
    UpdateContactFolderResponse,
    UpdateContactResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, Disposition, NewContact

FOLDER_ID = "0193e0c0-0000-7000-8000-000000000001"
FOLDER = ContactFolder(
    contact_folder_id=FOLDER_ID, display_name="Patients", contact_count=2, etag='"1"'
)
OWN = Struct()
OWN.update({"city": "Graz", "visits": 3})
ADA = Contact(
    contact_id="c-1",
    contact_folder_id=FOLDER_ID,
    address="+15551230001",
    first_name="Ada",
    last_name="König",
    keywords=["vip"],
    custom_fields=OWN,
    call_count=2,
    last_disposition=Disposition.DISPOSITION_NO_ANSWER,
    etag='"1"',
)


async def test_a_contact_is_made_of_what_is_known(far_end: FarEnd) -> None:
    far_end.answer("CreateContact", CreateContactResponse(contact=ADA))
    new = NewContact(
        contact_folder_id=FOLDER_ID,
        address="+15551230001",
        first_name="Ada",
        keywords=["vip"],
        custom_fields={"city": "Graz", "visits": 3},
    )
    async with Client(far_end.address) as client:
        assert await client.contacts.create(new) == ADA
    (request,) = far_end.requests("CreateContact")
    assert request.contact.custom_fields == OWN
    assert list(request.contact.keywords) == ["vip"]
    assert request.request_id


async def test_lists_are_read_page_by_page(far_end: FarEnd) -> None:
    far_end.answer("ListContacts", ListContactsResponse(contacts=[ADA]))
    far_end.answer("ListContactFolders", ListContactFoldersResponse(contact_folders=[FOLDER]))
    async with Client(far_end.address) as client:
        ended = [Disposition.DISPOSITION_BUSY]
        people = client.contacts.list(search="ada", last_dispositions=ended)
        assert [contact async for contact in people] == [ADA]
        folders = client.contact_folders.list(order_by="display_name desc")
        assert [folder async for folder in folders] == [FOLDER]
    (request,) = far_end.requests("ListContacts")
    assert (request.search, list(request.last_dispositions)) == ("ada", ended)
    assert far_end.requests("ListContactFolders")[0].order_by == "display_name desc"


async def test_a_folder_is_made_shown_changed_and_deleted(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("CreateContactFolder", CreateContactFolderResponse(contact_folder=FOLDER))
    far_end.answer("ListContactFolders", ListContactFoldersResponse(contact_folders=[FOLDER]))
    far_end.answer("UpdateContactFolder", UpdateContactFolderResponse(contact_folder=FOLDER))
    far_end.answer("DeleteContactFolder", DeleteContactFolderResponse())
    made = await outdial("folder", "create", "Patients", "--description", "all of them")
    assert made.exit_code == 0, made.output
    assert far_end.requests("CreateContactFolder")[0].contact_folder.description == "all of them"
    for words in (("list",), ("show", "Patients")):
        shown = await outdial("folder", *words)
        assert FOLDER_ID in shown.stdout
    changed = await outdial("folder", "update", "Patients", "--name", "Clients")
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("UpdateContactFolder")
    assert list(request.update_mask.paths) == ["display_name"]
    assert (request.contact_folder.contact_folder_id, request.contact_folder.etag) == (
        FOLDER_ID,
        '"1"',
    )
    assert (await outdial("folder", "update", "Patients")).exit_code == 2
    deleted = await outdial("folder", "delete", "Patients")
    assert "with 2 contacts" in deleted.stdout
    assert far_end.requests("DeleteContactFolder")[0].contact_folder_id == FOLDER_ID


async def test_a_folder_is_said_by_id_or_by_a_name_that_is_its_own(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("GetContactFolder", GetContactFolderResponse(contact_folder=FOLDER))
    assert (await outdial("folder", "show", FOLDER_ID)).exit_code == 0
    far_end.answer("ListContactFolders", ListContactFoldersResponse())
    unknown = await outdial("folder", "show", "Nobody")
    assert unknown.exit_code != 0
    assert "folder create Nobody" in unknown.stderr
    twins = [FOLDER, ContactFolder(contact_folder_id="f-2", display_name="Patients")]
    far_end.answer("ListContactFolders", ListContactFoldersResponse(contact_folders=twins))
    several = await outdial("folder", "show", "Patients")
    assert several.exit_code == 2
    assert "f-2" in several.stderr


async def test_a_contact_is_made_found_changed_and_deleted(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("ListContactFolders", ListContactFoldersResponse(contact_folders=[FOLDER]))
    far_end.answer("CreateContact", CreateContactResponse(contact=ADA))
    far_end.answer("ListContacts", ListContactsResponse(contacts=[ADA]))
    far_end.answer("GetContact", GetContactResponse(contact=ADA))
    far_end.answer("UpdateContact", UpdateContactResponse(contact=ADA))
    far_end.answer("DeleteContact", DeleteContactResponse())
    made = await outdial(
        *("contact", "create", "+15551230001", "--folder", "Patients", "--first-name", "Ada"),
        *("--keyword", "vip", "--field", "city=Graz", "--field", "visits=3", "--label", "k=v"),
    )
    assert made.exit_code == 0, made.output
    sent = far_end.requests("CreateContact")[0].contact
    assert (sent.contact_folder_id, sent.custom_fields) == (FOLDER_ID, OWN)
    assert (list(sent.keywords), dict(sent.metadata)) == (["vip"], {"k": "v"})
    listed = await outdial(
        "contact", "list", "--folder", "Patients", "--search", "ada", "--last-ended", "no-answer"
    )
    assert "Ada König" in listed.stdout
    (request,) = far_end.requests("ListContacts")
    assert request.contact_folder_id == FOLDER_ID
    assert list(request.last_dispositions) == [Disposition.DISPOSITION_NO_ANSWER]
    shown = await outdial("contact", "show", "c-1")
    assert "no answer" in shown.stdout
    assert '"city": "Graz"' in shown.stdout
    changed = await outdial("contact", "update", "c-1", "--company", "Clinic", "--field", "a=1")
    assert changed.exit_code == 0, changed.output
    update = far_end.requests("UpdateContact")[0]
    assert sorted(update.update_mask.paths) == ["company_name", "custom_fields"]
    assert (update.contact.company_name, update.contact.etag) == ("Clinic", '"1"')
    assert (await outdial("contact", "update", "c-1")).exit_code == 2
    assert (await outdial("contact", "delete", "c-1")).exit_code == 0
    assert far_end.requests("DeleteContact")[0].contact_id == "c-1"


async def test_a_batch_is_made_of_contacts(far_end: FarEnd, outdial: Outdial) -> None:
    agent = Agent(agent_id="a-1", display_name="Ada")
    batch = Batch(batch_id="b-1", counts=BatchCounts(total=3))
    far_end.answer("ListAgents", ListAgentsResponse(agents=[agent]))
    far_end.answer("ListContactFolders", ListContactFoldersResponse(contact_folders=[FOLDER]))
    far_end.answer("CreateBatch", CreateBatchResponse(batch=batch))
    far_end.answer("AddScheduledCalls", AddScheduledCallsResponse(batch=batch))
    chosen = ("--folder", "Patients", "--contact", "c-1")
    made = await outdial("batch", "create", "Monday", "--agent", "Ada", *chosen)
    assert made.exit_code == 0, made.output
    added = await outdial("batch", "add", "b-1", *chosen)
    assert "has 3 to call" in added.stdout
    selection = ContactSelection(contact_folder_ids=[FOLDER_ID], contact_ids=["c-1"])
    (creating,) = far_end.requests("CreateBatch")
    assert (creating.contacts, creating.draft) == (selection, False)
    (adding,) = far_end.requests("AddScheduledCalls")
    assert (adding.contacts, list(adding.scheduled_calls)) == (selection, [])
    assert (await outdial("batch", "add", "b-1")).exit_code == 2
    await outdial("batch", "create", "Monday", "--agent", "Ada")
    assert far_end.requests("CreateBatch")[1].draft
    assert not far_end.requests("CreateBatch")[1].HasField("contacts")
