"""Folders of contacts. They count their contacts in the transaction that adds or takes one."""

from collections.abc import Callable
from typing import Any, Final

from outdial_server.domain.contact_folder import (
    ContactFolder,
    ContactFolderFields,
    FolderOrder,
    FolderSort,
)
from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.domain.ids import AccountId, ContactFolderId
from outdial_server.domain.imports import ImportState
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.storage.encoding import (
    id_or_not_found,
    moment,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.paging import place_in, sorted_page_of
from outdial_server.storage.verbs.requests import answered_before

_FOLDER: Final = (
    "SELECT f.key, f.id, a.id AS account_id, f.display_name, f.sort_name, f.description, "
    "f.contact_count, f.revision, f.created_us, f.updated_us FROM contact_folders f "
    "JOIN accounts a ON a.key = f.account_key "
    "WHERE f.deleted_us IS NULL AND f.account_key = :account "
)


def _folder(row: Row) -> ContactFolder:
    return ContactFolder(
        ContactFolderId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        ContactFolderFields(row.display_name, row.description),
        row.contact_count,
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
    )


def find_folder(tx: Tx, account_id: AccountId, folder_id: ContactFolderId) -> Row:
    packed = id_or_not_found(folder_id, Reason.CONTACT_FOLDER_NOT_FOUND, "contact folder")
    account = account_key(tx, account_id)
    row = tx.one_or_none(_FOLDER + "AND f.id = :id", account=account, id=packed)
    if row is None:
        raise folder_not_found(folder_id)
    return row


def folder_not_found(folder_id: ContactFolderId) -> NotFoundError:
    return not_found(Reason.CONTACT_FOLDER_NOT_FOUND, "contact folder", folder_id)


def _sort_name(name: str) -> bytes:
    """Sorts alike in both databases, whatever the case of the letters."""
    return name.casefold().encode()


def create_folder(
    tx: Tx,
    account_id: AccountId,
    folder_id: ContactFolderId,
    fields: ContactFolderFields,
    request: RequestKey | None,
) -> ContactFolder:
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, folder_id)
    if earlier is not None:
        return get_folder(tx, account_id, ContactFolderId(earlier))
    tx.run(
        "INSERT INTO contact_folders (id, account_key, display_name, sort_name, description, "
        "created_us, updated_us) VALUES (:id, :account, :name, :sort_name, :description, :now, "
        ":now)",
        id=pack_id(folder_id),
        account=account,
        name=fields.display_name,
        sort_name=_sort_name(fields.display_name),
        description=fields.description,
        now=tx.now_us,
    )
    return get_folder(tx, account_id, folder_id)


def get_folder(tx: Tx, account_id: AccountId, folder_id: ContactFolderId) -> ContactFolder:
    return _folder(find_folder(tx, account_id, folder_id))


_COLUMN_OF: Final = {
    FolderSort.CREATE_TIME: "key",
    FolderSort.DISPLAY_NAME: "sort_name",
    FolderSort.CONTACT_COUNT: "contact_count",
}


def list_folders(
    tx: Tx,
    account_id: AccountId,
    page: PageRequest,
    order: FolderOrder,
    display_name: str,
) -> Page[ContactFolder]:
    column = _COLUMN_OF[order.sort]
    beyond, direction = ("<", "DESC") if order.descending else (">", "ASC")
    list_name = f"contact_folders by {order.sort.value} {direction}"
    place = place_in(list_name, page.token)
    filters, parameters = "", dict[str, Any]()
    if display_name:
        filters += "AND f.display_name = :name "
        parameters["name"] = display_name
    if place is not None:
        filters += f"AND (f.{column}, f.key) {beyond} (:value, :after) "
        parameters["value"], parameters["after"] = place
    rows = tx.all(
        f"{_FOLDER}{filters}ORDER BY f.{column} {direction}, f.key {direction} LIMIT :limit",
        account=account_key(tx, account_id),
        limit=page.size + 1,
        **parameters,
    )
    return sorted_page_of(list_name, page, rows, _folder, column)


def change_folder(
    tx: Tx,
    account_id: AccountId,
    folder_id: ContactFolderId,
    decide: Callable[[ContactFolder], ContactFolderFields],
) -> ContactFolder:
    key = find_folder(tx, account_id, folder_id).key
    lock_folder(tx, key)
    before = get_folder(tx, account_id, folder_id)
    after = decide(before)
    if after == before.fields:
        return before
    tx.run(
        "UPDATE contact_folders SET display_name = :name, sort_name = :sort_name, "
        "description = :description, revision = revision + 1, updated_us = :now "
        "WHERE key = :key",
        name=after.display_name,
        sort_name=_sort_name(after.display_name),
        description=after.description,
        now=tx.now_us,
        key=key,
    )
    return get_folder(tx, account_id, folder_id)


def lock_folder(tx: Tx, key: int) -> None:
    if tx.dialect.locks_rows:
        tx.all(
            f"SELECT key FROM contact_folders WHERE key = :key {tx.dialect.for_update()}", key=key
        )


def delete_folder(tx: Tx, account_id: AccountId, folder_id: ContactFolderId) -> None:
    """Only hidden, with all in it; see `erase_deleted`."""
    folder = find_folder(tx, account_id, folder_id)
    key = folder.key
    lock_folder(tx, key)
    _refuse_while_adding(tx, folder.id)
    hidden = tx.run(
        "UPDATE contact_folders SET deleted_us = :now WHERE key = :key AND deleted_us IS NULL",
        now=tx.now_us,
        key=key,
    )
    if not hidden:
        raise folder_not_found(folder_id)


def _refuse_while_adding(tx: Tx, packed: bytes) -> None:
    under_way = tx.scalar(
        "SELECT id FROM imports WHERE state = :adding AND folder_id = :folder ORDER BY key LIMIT 1",
        adding=int(ImportState.ADDING),
        folder=packed,
    )
    if under_way is not None:
        raise PreconditionError(
            Reason.CONTACT_FOLDER_IN_USE,
            "contacts of an import are on their way into the folder",
            {"import_id": unpack_id(under_way)},
        )


def count_contacts(tx: Tx, folder_key: int, delta: int) -> bool:
    """False for a folder that was deleted meanwhile: then nothing may be put into it."""
    counted = tx.run(
        "UPDATE contact_folders SET contact_count = contact_count + :delta "
        "WHERE key = :key AND deleted_us IS NULL",
        delta=delta,
        key=folder_key,
    )
    return counted == 1


def erase_deleted(tx: Tx, limit: int) -> int | None:
    """Up to `limit` contacts of deleted folders, and then the folder; returns how many
    contacts went. None when there is nothing to erase."""
    folder = tx.one_or_none(
        "SELECT f.key FROM contact_folders f WHERE f.deleted_us IS NOT NULL "
        f"ORDER BY f.key LIMIT 1 {tx.dialect.skip_locked('f')}"
    )
    if folder is None:
        return None
    erased = tx.run(
        "DELETE FROM contacts WHERE key IN (SELECT key FROM contacts WHERE folder_key = :folder "
        "ORDER BY key LIMIT :limit)",
        folder=folder.key,
        limit=limit,
    )
    if erased < limit:
        tx.run("DELETE FROM contact_folders WHERE key = :folder", folder=folder.key)
    return erased
