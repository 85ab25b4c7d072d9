"""Contacts. A contact of a deleted folder is as good as gone."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from outdial_server.domain.call import Disposition
from outdial_server.domain.contact import Contact, ContactCalls, ContactFields, search_text
from outdial_server.domain.errors import AlreadyExistsError, NotFoundError, Reason
from outdial_server.domain.ids import AccountId, ContactFolderId, ContactId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.ports.contacts import ContactFilter
from outdial_server.storage.encoding import (
    id_or_not_found,
    json_text,
    mapping_from,
    mapping_json,
    moment,
    moment_or_none,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.contact_folders import (
    count_contacts,
    find_folder,
    folder_not_found,
    lock_folder,
)
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK, Listed
from outdial_server.storage.verbs.reading import among
from outdial_server.storage.verbs.requests import answered_before

FIELD_COLUMNS: Final = (
    "normalized_address",
    "address",
    "first_name",
    "last_name",
    "email",
    "company_name",
    "industry",
    "location",
    "postal_code",
    "keywords_json",
    "time_zone",
    "custom_fields_json",
    "metadata_json",
    "search_text",
)
"""In the order of `field_values`."""

_SELECT: Final = (
    "SELECT c.key, c.id, a.id AS account_id, f.id AS folder_id, c.folder_key, "
    + ", ".join(f"c.{name}" for name in FIELD_COLUMNS)
    + ", c.call_count, c.last_call_us, c.last_disposition, c.revision, c.created_us, "
    "c.updated_us FROM contacts c JOIN contact_folders f ON f.key = c.folder_key "
    "JOIN accounts a ON a.key = c.account_key "
    "WHERE c.account_key = :account AND f.deleted_us IS NULL "
)


def field_values(fields: ContactFields) -> tuple[str | None, ...]:
    return (
        fields.normalized_address,
        None if fields.address == fields.normalized_address else fields.address,
        fields.first_name,
        fields.last_name,
        fields.email,
        fields.company_name,
        fields.industry,
        fields.location,
        fields.postal_code,
        json_text(fields.keywords) if fields.keywords else "",
        fields.time_zone,
        fields.custom_fields_json,
        mapping_json(fields.metadata),
        search_text(fields),
    )


def fields_from_values(values: Sequence[Any]) -> ContactFields:
    """The reverse of `field_values`."""
    row = dict(zip(FIELD_COLUMNS, values, strict=True))
    return ContactFields(
        row["address"] or row["normalized_address"],
        row["normalized_address"],
        row["first_name"],
        row["last_name"],
        row["email"],
        row["company_name"],
        row["industry"],
        row["location"],
        row["postal_code"],
        tuple(orjson.loads(row["keywords_json"])) if row["keywords_json"] else (),
        row["time_zone"],
        row["custom_fields_json"],
        mapping_from(row["metadata_json"]),
    )


def fields_from(row: Row) -> ContactFields:
    return fields_from_values([getattr(row, name) for name in FIELD_COLUMNS])


def _contact(row: Row) -> Contact:
    disposition = row.last_disposition
    return Contact(
        ContactId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        ContactFolderId(unpack_id(row.folder_id)),
        fields_from(row),
        ContactCalls(
            row.call_count,
            moment_or_none(row.last_call_us),
            None if disposition is None else Disposition(disposition),
        ),
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
    )


def _find(tx: Tx, account_id: AccountId, contact_id: ContactId) -> Row:
    packed = _packed(contact_id)
    row = tx.one_or_none(_SELECT + "AND c.id = :id", account=account_key(tx, account_id), id=packed)
    if row is None:
        raise _not_found(contact_id)
    return row


def _packed(contact_id: ContactId) -> bytes:
    return id_or_not_found(contact_id, Reason.CONTACT_NOT_FOUND, "contact")


def _not_found(contact_id: ContactId) -> NotFoundError:
    return not_found(Reason.CONTACT_NOT_FOUND, "contact", contact_id)


_INSERT: Final = (
    f"INSERT INTO contacts (id, account_key, folder_key, created_us, updated_us, "
    f"{', '.join(FIELD_COLUMNS)}) VALUES (:id, :account, :folder, :now, :now, "
    f"{', '.join(f':{name}' for name in FIELD_COLUMNS)}) ON CONFLICT DO NOTHING"
)


def create_contact(
    tx: Tx,
    account_id: AccountId,
    contact_id: ContactId,
    folder_id: ContactFolderId,
    fields: ContactFields,
    request: RequestKey | None,
) -> Contact:
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, contact_id)
    if earlier is not None:
        return get_contact(tx, account_id, ContactId(earlier))
    folder = find_folder(tx, account_id, folder_id).key
    lock_folder(tx, folder)
    made = tx.run(
        _INSERT,
        id=pack_id(contact_id),
        account=account,
        folder=folder,
        now=tx.now_us,
        **_named(fields),
    )
    if not made:
        raise _exists(tx, folder, fields.normalized_address)
    if not count_contacts(tx, folder, 1):
        raise folder_not_found(folder_id)
    return get_contact(tx, account_id, contact_id)


def _named(fields: ContactFields) -> dict[str, str | None]:
    return dict(zip(FIELD_COLUMNS, field_values(fields), strict=True))


def _exists(tx: Tx, folder_key: int, normalized_address: str) -> AlreadyExistsError:
    there = tx.scalar(
        "SELECT id FROM contacts WHERE folder_key = :folder AND normalized_address = :address",
        folder=folder_key,
        address=normalized_address,
    )
    return AlreadyExistsError(
        Reason.CONTACT_EXISTS,
        "the folder has a contact of this address",
        {"contact_id": unpack_id(there)},
    )


def get_contact(tx: Tx, account_id: AccountId, contact_id: ContactId) -> Contact:
    return _contact(_find(tx, account_id, contact_id))


def get_contacts(
    tx: Tx, account_id: AccountId, contact_ids: Sequence[ContactId]
) -> Sequence[Contact]:
    packed = [_packed(contact_id) for contact_id in contact_ids]
    rows = tx.all(
        f"{_SELECT}AND {tx.dialect.id_in('c.id', 'ids')}",
        account=account_key(tx, account_id),
        ids=tx.dialect.id_list(packed),
    )
    found = {row.id: row for row in rows}
    for contact_id, one in zip(contact_ids, packed, strict=True):
        if one not in found:
            raise _not_found(contact_id)
    return [_contact(found[one]) for one in packed]


def list_contacts(
    tx: Tx, account_id: AccountId, page: PageRequest, wanted: ContactFilter
) -> Page[Contact]:
    scope, account = "c.account_key", account_key(tx, account_id)
    parameters: dict[str, Any] = {"account": account, "owner": account}
    if wanted.folder_id is not None:
        scope = "c.folder_key"
        parameters["owner"] = find_folder(tx, account_id, wanted.folder_id).key
    filters = f"AND {scope} = :owner "
    for place, word in enumerate(wanted.words):
        filters += f"AND c.search_text LIKE :word{place} ESCAPE '!' "
        parameters[f"word{place}"] = f"%{_escaped(word)}%"
    filters += among("c.last_disposition", wanted.last_dispositions)
    listed = Listed("contacts", _SELECT + filters, parameters, "c.key")
    after = listed.place(tx, page)
    # Without a filter the index gives those that fit.
    is_filtered = bool(wanted.words or wanted.last_dispositions)
    last = _last_looked_at(tx, scope, parameters["owner"], after) if is_filtered else None
    return listed.page_of(tx, page, listed.rows(tx, page, after, last), _contact, last)


def _last_looked_at(tx: Tx, scope: str, owner: int, after: int) -> int | None:
    """Where one read ends that looks for what no index finds; None for at the list's end."""
    key: int | None = tx.scalar(
        f"SELECT c.key FROM contacts c WHERE {scope} = :owner AND c.key > :after "
        "ORDER BY c.key LIMIT 1 OFFSET :rows",
        owner=owner,
        after=after,
        rows=ROWS_PER_LOOK,
    )
    return key


def _escaped(word: str) -> str:
    return word.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def change_contact(
    tx: Tx,
    account_id: AccountId,
    contact_id: ContactId,
    decide: Callable[[Contact], ContactFields],
) -> Contact:
    found = _find(tx, account_id, contact_id)
    # The folder comes before its contacts, for everybody who adds, takes or moves one.
    lock_folder(tx, found.folder_key)
    if tx.dialect.locks_rows:
        tx.all(
            f"SELECT key FROM contacts WHERE key = :key {tx.dialect.for_update()}", key=found.key
        )
    before = get_contact(tx, account_id, contact_id)
    after = decide(before)
    if after == before.fields:
        return before
    _refuse_double(tx, found, after)
    _write(tx, found.key, after)
    return get_contact(tx, account_id, contact_id)


def _refuse_double(tx: Tx, row: Row, after: ContactFields) -> None:
    if after.normalized_address == row.normalized_address:
        return
    there = tx.scalar(
        "SELECT 1 FROM contacts WHERE folder_key = :folder AND normalized_address = :address",
        folder=row.folder_key,
        address=after.normalized_address,
    )
    if there is not None:
        raise _exists(tx, row.folder_key, after.normalized_address)


def _write(tx: Tx, key: int, after: ContactFields) -> None:
    assignments = ", ".join(f"{name} = :{name}" for name in FIELD_COLUMNS)
    tx.run(
        f"UPDATE contacts SET {assignments}, revision = revision + 1, updated_us = :now "
        "WHERE key = :key",
        now=tx.now_us,
        key=key,
        **_named(after),
    )


def delete_contact(tx: Tx, account_id: AccountId, contact_id: ContactId) -> None:
    row = _find(tx, account_id, contact_id)
    lock_folder(tx, row.folder_key)
    if tx.run("DELETE FROM contacts WHERE key = :key", key=row.key):
        count_contacts(tx, row.folder_key, -1)
