"""Imports and their findings. An import whose rows are still coming in has no state, and is
shown to nobody."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import AccountId, BatchId, ContactFolderId, ImportId
from outdial_server.domain.imports import Finding, FindingKind, Import, ImportCounts, ImportState
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.storage.encoding import (
    id_or_not_found,
    micros,
    moment,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.paging import key_of, page_of

_FINDING_COLUMNS: Final = (
    "import_key",
    "seq",
    "row_number",
    "kind",
    "field",
    "description",
    "first_row_number",
)


def begin_import(
    tx: Tx,
    account: int,
    import_id: ImportId,
    folder_id: ContactFolderId | None = None,
    *,
    overwrites: bool = False,
) -> int:
    key: int = tx.scalar(
        "INSERT INTO imports (id, account_key, folder_id, overwrites, created_us) "
        "VALUES (:id, :account, :folder, :overwrites, :now) RETURNING key",
        id=pack_id(import_id),
        account=account,
        folder=pack_id(folder_id) if folder_id else None,
        overwrites=int(overwrites),
        now=tx.now_us,
    )
    return key


def keep_findings(
    tx: Tx, import_key: int, seqs: Iterable[int], findings: Sequence[Finding]
) -> None:
    """`seqs` are their places in the list of all findings, and grow."""
    tx.insert(
        "import_findings",
        _FINDING_COLUMNS,
        [
            (
                import_key,
                seq,
                finding.row_number,
                int(finding.kind),
                finding.field,
                finding.description,
                finding.first_row_number,
            )
            for seq, finding in zip(seqs, findings, strict=False)
        ],
    )


def end_import(
    tx: Tx, import_key: int, state: ImportState, counts: ImportCounts, batch_id: BatchId | None
) -> Import | None:
    """None when the import is no longer there: it was taken for one that broke off."""
    ended = tx.run(
        "UPDATE imports SET state = :state, batch_id = :batch, row_count = :rows, "
        "added_count = :added, refused_count = :refused, duplicate_count = :duplicates, "
        "findings_truncated = :truncated WHERE key = :key",
        state=int(state),
        batch=pack_id(batch_id) if batch_id else None,
        rows=counts.rows,
        added=counts.added,
        refused=counts.refused,
        duplicates=counts.duplicates,
        truncated=int(counts.findings_truncated),
        key=import_key,
    )
    if not ended:
        return None
    tx.happened.imports[state] += 1
    return _import(_row(tx, "i.key = :key", key=import_key))


def get_import(tx: Tx, account_id: AccountId, import_id: ImportId) -> Import:
    return _import(_visible(tx, account_id, import_id))


def list_findings(
    tx: Tx, account_id: AccountId, import_id: ImportId, page: PageRequest
) -> Page[Finding]:
    key = _visible(tx, account_id, import_id).key
    list_name = f"findings of {import_id}"
    rows = tx.all(
        "SELECT seq, row_number, kind, field, description, first_row_number "
        "FROM import_findings WHERE import_key = :key AND seq > :after ORDER BY seq LIMIT :limit",
        key=key,
        after=key_of(list_name, page.token) or 0,
        limit=page.size + 1,
    )
    return page_of(list_name, page, rows, _finding, key="seq")


def erase_unended(tx: Tx, import_key: int, limit: int) -> int:
    """Some findings and staged contacts of an import that broke off, and when there are no
    more, itself."""
    if (
        tx.scalar("SELECT 1 FROM imports WHERE key = :key AND state IS NULL", key=import_key)
        is None
    ):
        return 0
    erased = erase_findings(tx, import_key, limit)
    if erased < limit:
        erased += erase_staged_contacts(tx, import_key, limit - erased)
    if erased < limit:
        tx.run("DELETE FROM imports WHERE key = :key AND state IS NULL", key=import_key)
    return erased


def erase_findings(tx: Tx, import_key: int, limit: int) -> int:
    return tx.run(
        "DELETE FROM import_findings WHERE import_key = :key AND seq IN (SELECT seq FROM "
        "import_findings WHERE import_key = :key ORDER BY seq LIMIT :limit)",
        key=import_key,
        limit=limit,
    )


def erase_staged_contacts(tx: Tx, import_key: int, limit: int) -> int:
    return tx.run(
        "DELETE FROM staged_contacts WHERE import_key = :key AND seq IN (SELECT seq FROM "
        "staged_contacts WHERE import_key = :key ORDER BY seq LIMIT :limit)",
        key=import_key,
        limit=limit,
    )


def unended_imports(tx: Tx, older_than: timedelta | None) -> Sequence[int]:
    rows = tx.all(
        "SELECT key FROM imports WHERE state IS NULL AND created_us <= :before ORDER BY key",
        before=micros(tx.now - (older_than or timedelta())),
    )
    return [row.key for row in rows]


def _visible(tx: Tx, account_id: AccountId, import_id: ImportId) -> Row:
    packed = id_or_not_found(import_id, Reason.IMPORT_NOT_FOUND, "import")
    account = account_key(tx, account_id)
    row = _row(tx, "i.id = :id AND i.account_key = :account", id=packed, account=account)
    if row is None:
        raise not_found(Reason.IMPORT_NOT_FOUND, "import", import_id)
    return row


def _row(tx: Tx, where: str, **parameters: object) -> Row | None:
    return tx.one_or_none(
        "SELECT i.key, i.id, i.batch_id, i.state, i.row_count, i.added_count, i.refused_count, "
        "i.duplicate_count, i.updated_count, i.findings_truncated, i.folder_id, i.created_us "
        "FROM imports i "
        f"WHERE {where} AND i.state IS NOT NULL",
        **parameters,
    )


def _import(row: Row | None) -> Import:
    assert row is not None, "it was found a moment ago"
    return Import(
        ImportId(unpack_id(row.id)),
        BatchId(unpack_id(row.batch_id)) if row.batch_id else None,
        ImportState(row.state),
        ImportCounts(
            row.row_count,
            row.added_count,
            row.refused_count,
            row.duplicate_count,
            bool(row.findings_truncated),
            row.updated_count,
        ),
        moment(row.created_us),
        ContactFolderId(unpack_id(row.folder_id)) if row.folder_id else None,
    )


def _finding(row: Row) -> Finding:
    return Finding(
        row.row_number,
        FindingKind(row.kind),
        row.field,
        row.description,
        row.first_row_number,
    )
