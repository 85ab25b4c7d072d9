"""Imports of contacts: staged row by row, then put into their folder in groups.

What decides is one change of the import, from no state to ADDING: before it a broken import
leaves nothing, after it whoever comes along goes on with the next group. A group takes its
rows out of the staged ones in the transaction that puts them into the folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from outdial_server.domain.contact import (
    ContactFields,
    NewContact,
    faults_of_overwriting,
    overwritten,
)
from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.ids import AccountId, ContactFolderId, ImportId
from outdial_server.domain.imports import Finding, FindingKind, Import, ImportCounts, ImportState
from outdial_server.domain.limits import IMPORT_FINDINGS_MAX
from outdial_server.domain.request import RequestKey, RequestName
from outdial_server.ports.contact_intake import ContactImport, StoredContacts
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, pack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.contact_folders import (
    count_contacts,
    find_folder,
    get_folder,
    lock_folder,
)
from outdial_server.storage.verbs.contacts import (
    FIELD_COLUMNS,
    field_values,
    fields_from,
    fields_from_values,
)
from outdial_server.storage.verbs.imports import begin_import, end_import, get_import, keep_findings
from outdial_server.storage.verbs.requests import earlier_answer, note_answer, was_answered
from outdial_server.storage.verbs.revealing import taken_for_broken_off

MERGE_ROWS: Final = 100
"""In one transaction: 4 ms of the writer, 9 when each of them overwrites a contact."""


@dataclass(frozen=True, slots=True)
class StagedContacts:
    """A list under way. Without a key it is a request that was carried out before."""

    wanted: ContactImport
    account_key: int
    import_key: int | None = None


def begin(tx: Tx, wanted: ContactImport, name: RequestName | None) -> StagedContacts:
    account = account_key(tx, wanted.account_id)
    if was_answered(tx, account, name):
        return StagedContacts(wanted, account)
    find_folder(tx, wanted.account_id, wanted.folder_id)
    key = begin_import(tx, account, wanted.import_id, wanted.folder_id, overwrites=wanted.overwrite)
    return StagedContacts(wanted, account, key)


def stage(
    tx: Tx,
    import_key: int,
    after_seq: int,
    rows: Sequence[NewContact],
    findings: Sequence[Finding],
) -> None:
    """Rows and findings of a slice have their places together, by row number."""
    numbers = [*(row.number for row in rows), *(finding.row_number for finding in findings)]
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    places = {index: after_seq + place for place, index in enumerate(order, 1)}
    tx.happened.rows_staged += len(rows)
    tx.insert(
        "staged_contacts",
        ("import_key", "seq", "row_number", "values_json"),
        [
            (import_key, places[index], row.number, json_text(field_values(row.fields)))
            for index, row in enumerate(rows)
        ],
    )
    keep_findings(tx, import_key, (places[len(rows) + n] for n in range(len(findings))), findings)


def decide(
    tx: Tx, staged: StagedContacts, counts: ImportCounts, findings: int, request: RequestKey | None
) -> bool:
    """From here on the rows go in. False when the same request, sent twice at once, was
    decided by its twin. The folder stays as long as they are on their way."""
    folder = find_folder(tx, staged.wanted.account_id, staged.wanted.folder_id)
    lock_folder(tx, folder.key)
    find_folder(tx, staged.wanted.account_id, staged.wanted.folder_id)
    answer = {"import_id": staged.wanted.import_id, "folder_id": staged.wanted.folder_id}
    if not note_answer(tx, staged.account_key, request, answer):
        return False
    assert staged.import_key is not None, "a repeated request decides nothing"
    if end_import(tx, staged.import_key, ImportState.ADDING, counts, None) is None:
        raise taken_for_broken_off()
    tx.run(
        "UPDATE imports SET finding_count = :findings WHERE key = :key",
        findings=findings,
        key=staged.import_key,
    )
    return True


def refuse(tx: Tx, staged: StagedContacts, counts: ImportCounts) -> Import:
    assert staged.import_key is not None, "a repeated request is not refused"
    ended = end_import(tx, staged.import_key, ImportState.REFUSED, counts, None)
    if ended is None:
        raise taken_for_broken_off()
    return ended


def stored(
    tx: Tx, account_id: AccountId, import_id: ImportId, folder_id: ContactFolderId
) -> StoredContacts:
    return StoredContacts(
        get_import(tx, account_id, import_id), get_folder(tx, account_id, folder_id)
    )


def earlier(
    tx: Tx, account_id: AccountId, request: RequestKey
) -> tuple[ImportId, ContactFolderId] | None:
    answer: Any = earlier_answer(tx, account_key(tx, account_id), request)
    if answer is None:
        return None
    return ImportId(answer["import_id"]), ContactFolderId(answer["folder_id"])


# --- into the folder

_ADDING: Final = int(ImportState.ADDING)


def merge_some(tx: Tx, import_id: ImportId | None = None) -> bool:
    """The next rows of an import, or of any. False when there is nothing left to do."""
    which = "AND i.id = :id " if import_id else ""
    parameters = {"id": pack_id(import_id)} if import_id else {}
    found = tx.one_or_none(
        "SELECT i.key, i.account_key, i.folder_id, i.overwrites, i.finding_count FROM imports i "
        f"WHERE i.state = {_ADDING} {which}ORDER BY i.key LIMIT 1 {tx.dialect.for_update('i')}",
        **parameters,
    )
    if found is None:
        return False
    rows = tx.all(
        "SELECT seq, row_number, values_json FROM staged_contacts WHERE import_key = :key "
        "ORDER BY seq LIMIT :limit",
        key=found.key,
        limit=MERGE_ROWS,
    )
    if not rows:
        tx.run(
            f"UPDATE imports SET state = {int(ImportState.ADDED)} WHERE key = :key", key=found.key
        )
        tx.happened.imports[ImportState.ADDED] += 1
        # There may be others.
        return import_id is None
    _merge(tx, found, rows)
    return True


@dataclass(slots=True)
class _Group:
    """What becomes of the rows of one transaction."""

    fresh: list[Sequence[str | None]] = field(default_factory=list)
    changed: list[tuple[int, ContactFields]] = field(default_factory=list)
    findings: list[tuple[int, Finding]] = field(default_factory=list)
    duplicates: int = 0
    refused: int = 0


def _merge(tx: Tx, found: Row, rows: Sequence[Row]) -> None:
    folder_key = tx.scalar("SELECT key FROM contact_folders WHERE id = :id", id=found.folder_id)
    # Contacts are made and deleted behind it: nobody comes in between.
    lock_folder(tx, folder_key)
    values = [orjson.loads(row.values_json) for row in rows]
    there = _there(tx, folder_key, [one[0] for one in values])
    group = _Group()
    for row, one in zip(rows, values, strict=True):
        before = there.get(one[0])
        if before is None:
            group.fresh.append(one)
        else:
            _meet(group, row, before, one, overwrites=bool(found.overwrites))
    _insert(tx, found.account_key, folder_key, group.fresh)
    _overwrite(tx, group.changed)
    count_contacts(tx, folder_key, len(group.fresh))
    tx.run(
        "DELETE FROM staged_contacts WHERE import_key = :key AND seq <= :last",
        key=found.key,
        last=rows[-1].seq,
    )
    _tell(tx, found, group)


def _there(tx: Tx, folder_key: int, addresses: Sequence[str]) -> Mapping[str, Row]:
    rows = tx.all(
        f"SELECT c.key, {', '.join(f'c.{name}' for name in FIELD_COLUMNS)} FROM contacts c "
        "WHERE c.folder_key = :folder AND c.normalized_address IN (SELECT r.address FROM "
        f"{tx.dialect.rows('rows', (('address', Kind.TEXT),))} AS r) "
        f"ORDER BY c.key {tx.dialect.for_update('c')}",
        folder=folder_key,
        rows=json_text([[address] for address in addresses]),
    )
    return {row.normalized_address: row for row in rows}


def _meet(
    group: _Group, row: Row, before: Row, values: Sequence[str | None], *, overwrites: bool
) -> None:
    """A row whose address is in the folder already."""
    if not overwrites:
        group.duplicates += 1
        finding = Finding(
            row.row_number,
            FindingKind.DUPLICATE_SKIPPED,
            "address",
            "is the same as that of a contact in the folder",
        )
        group.findings.append((row.seq, finding))
        return
    after = overwritten(fields_from(before), fields_from_values(values))
    faults = faults_of_overwriting(after)
    group.duplicates += 1
    if faults:
        group.refused += 1
        group.findings.append((row.seq, _refused(row.row_number, faults)))
    else:
        group.changed.append((before.key, after))


def _refused(row_number: int, faults: Sequence[FieldViolation]) -> Finding:
    """All in one: a staged row has one place in the list of findings."""
    first, *others = faults
    told = (first.description, *(f"{other.field} {other.description}" for other in others))
    return Finding(row_number, FindingKind.FAULT, first.field, "; ".join(told))


def _insert(tx: Tx, account: int, folder_key: int, fresh: Sequence[Sequence[str | None]]) -> None:
    ids = tx.ids.new_ids(len(fresh))
    tx.insert(
        "contacts",
        ("id", "account_key", "folder_key", "created_us", "updated_us", *FIELD_COLUMNS),
        [
            (pack_id(new_id), account, folder_key, tx.now_us, tx.now_us, *values)
            for new_id, values in zip(ids, fresh, strict=True)
        ],
    )


_CHANGED: Final = (
    ("key", Kind.INT),
    ("now", Kind.INT),
    *((name, Kind.TEXT) for name in FIELD_COLUMNS),
)
_ASSIGNMENTS: Final = ", ".join(
    [
        *(f"{name} = r.{name}" for name in FIELD_COLUMNS),
        "revision = revision + 1",
        "updated_us = r.now",
    ]
)


def _overwrite(tx: Tx, changed: Sequence[tuple[int, ContactFields]]) -> None:
    tx.update_each(
        tx.dialect.update_each("contacts", _ASSIGNMENTS, "contacts.key = r.key", _CHANGED),
        [(key, tx.now_us, *field_values(fields)) for key, fields in changed],
    )


def _tell(tx: Tx, found: Row, group: _Group) -> None:
    room = max(0, IMPORT_FINDINGS_MAX - found.finding_count)
    kept = group.findings[:room]
    keep_findings(tx, found.key, [seq for seq, _ in kept], [finding for _, finding in kept])
    tx.run(
        "UPDATE imports SET added_count = added_count + :added, "
        "updated_count = updated_count + :updated, refused_count = refused_count + :refused, "
        "duplicate_count = duplicate_count + :duplicates, "
        "finding_count = finding_count + :findings, "
        "findings_truncated = CASE WHEN :left_out > 0 THEN 1 ELSE findings_truncated END "
        "WHERE key = :key",
        added=len(group.fresh),
        updated=len(group.changed),
        refused=group.refused,
        duplicates=group.duplicates,
        findings=len(group.findings),
        left_out=len(group.findings) - len(kept),
        key=found.key,
    )
