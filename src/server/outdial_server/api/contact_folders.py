"""ContactFolderService."""

from dataclasses import dataclass

from outdial.v1 import contact_service_pb2 as pb
from outdial.v1.contact_service_pb2_grpc import ContactFolderServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.contact import folder_change, folder_fields, folder_to_message
from outdial_server.api.conversion.ids import required_id
from outdial_server.api.conversion.request import filter_text, page_of, take_request_key
from outdial_server.commands.contacts import CreateContactFolder, UpdateContactFolder
from outdial_server.domain.contact_folder import folder_order
from outdial_server.domain.ids import ContactFolderId
from outdial_server.ports.contacts import ContactFolderStore


@dataclass(frozen=True)
class ContactFolderServicer(ContactFolderServiceServicer):
    folders: ContactFolderStore
    create: CreateContactFolder
    update: UpdateContactFolder

    @override
    async def CreateContactFolder(
        self, request: pb.CreateContactFolderRequest, context: object
    ) -> pb.CreateContactFolderResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        made = await self.create.execute(account_id, folder_fields(request.contact_folder), key)
        return pb.CreateContactFolderResponse(contact_folder=folder_to_message(made))

    @override
    async def GetContactFolder(
        self, request: pb.GetContactFolderRequest, context: object
    ) -> pb.GetContactFolderResponse:
        found = await self.folders.get_folder(
            caller().account_id, _folder_id(request.contact_folder_id)
        )
        return pb.GetContactFolderResponse(contact_folder=folder_to_message(found))

    @override
    async def ListContactFolders(
        self, request: pb.ListContactFoldersRequest, context: object
    ) -> pb.ListContactFoldersResponse:
        page = await self.folders.list_folders(
            caller().account_id,
            page_of(request),
            folder_order(request.order_by),
            filter_text("display_name", request.display_name),
        )
        return pb.ListContactFoldersResponse(
            contact_folders=map(folder_to_message, page.items), next_page_token=page.next_token
        )

    @override
    async def UpdateContactFolder(
        self, request: pb.UpdateContactFolderRequest, context: object
    ) -> pb.UpdateContactFolderResponse:
        folder = request.contact_folder
        changed = await self.update.execute(
            caller().account_id,
            _folder_id(folder.contact_folder_id, "contact_folder.contact_folder_id"),
            folder_change(folder, request.update_mask),
            folder.etag,
        )
        return pb.UpdateContactFolderResponse(contact_folder=folder_to_message(changed))

    @override
    async def DeleteContactFolder(
        self, request: pb.DeleteContactFolderRequest, context: object
    ) -> pb.DeleteContactFolderResponse:
        await self.folders.delete_folder(caller().account_id, _folder_id(request.contact_folder_id))
        return pb.DeleteContactFolderResponse()


def _folder_id(text: str, path: str = "contact_folder_id") -> ContactFolderId:
    return ContactFolderId(required_id(text, path))
