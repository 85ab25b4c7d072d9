"""A number is forgotten: group by group, wherever it may stand. No index of people is by
number, so they are looked through by key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from outdial_server.ports.erasure import Forgotten, ForgottenSome, Place, Subject
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.cancelling import cancel_if_unsent
from outdial_server.storage.verbs.contact_folders import count_contacts
from outdial_server.storage.verbs.erasing_rows import blank, unname
from outdial_server.storage.verbs.suppressed import NORMAL_FORM
from outdial_server.storage.verbs.suppressions import count_entries, lock_list

LOOKED_AT_MOST: Final = 2_000
"""Rows of a group: 1 to 2 ms of the writer."""

_KEY: Final = (("key", Kind.INT),)


@dataclass(frozen=True, slots=True)
class _Looked:
    forgotten: Forgotten
    # Behind which key to go on; None at the end of the step.
    after: int | None = None


@dataclass(frozen=True, slots=True)
class _Sought:
    address: str
    # None: of all accounts.
    account: int | None
    with_suppressions: bool

    def of_account(self, term: str) -> str:
        return "" if self.account is None else f"AND {term} = {self.account} "


def forget(tx: Tx, subject: Subject, place: Place) -> ForgottenSome:
    account = None if subject.account_id is None else account_key(tx, subject.account_id)
    sought = _Sought(subject.address, account, subject.with_suppressions)
    looked = _STEPS[place.step](tx, sought, place.after)
    if looked.after is not None:
        return ForgottenSome(looked.forgotten, Place(place.step, looked.after))
    is_last = place.step + 1 == len(_STEPS)
    return ForgottenSome(looked.forgotten, None if is_last else Place(place.step + 1))


def _group_end(tx: Tx, table: str, column: str, after: int) -> int | None:
    """Where the group ends that begins behind `after`; None when there is none."""
    end: int | None = tx.scalar(
        f"SELECT MAX(w.k) FROM (SELECT {column} AS k FROM {table} WHERE {column} > :after "
        f"ORDER BY {column} LIMIT :most) AS w",
        after=after,
        most=LOOKED_AT_MOST,
    )
    return end


def _in_rows(tx: Tx) -> str:
    return f"IN (SELECT r.key FROM {tx.dialect.rows('rows', _KEY)} AS r)"


# --- people of batches, with their calls


def _forget_people(tx: Tx, sought: _Sought, after: int) -> _Looked:
    """Whoever is not called yet goes alone, at the head of a group: the ledger is locked before
    rows are."""
    end = _group_end(tx, "scheduled_calls", "key", after)
    if end is None:
        return _Looked(Forgotten())
    found = tx.all(
        "SELECT s.key, s.batch_key, s.final_state, s.position >= b.next_position AS is_staged "
        "FROM scheduled_calls s JOIN batches b ON b.key = s.batch_key "
        f"WHERE s.key > :after AND s.key <= :end AND {NORMAL_FORM} = :address "
        f"{sought.of_account('b.account_key')}ORDER BY s.key",
        after=after,
        end=end,
        address=sought.address,
    )
    over = _first_that_are_over(found)
    if len(over) == len(found):
        return _Looked(_blank(tx, over), end)
    if over:
        return _Looked(_blank(tx, over), over[-1].key)
    head = found[0]
    if not head.is_staged:
        cancel_if_unsent(tx, head.key, head.batch_key)
    forgotten = _blank(tx, [head])
    return _Looked(forgotten if forgotten.people else Forgotten(people_left=1), head.key)


def _first_that_are_over(rows: Sequence[Row]) -> Sequence[Row]:
    for n, row in enumerate(rows):
        if row.final_state is None:
            return rows[:n]
    return rows


def _blank(tx: Tx, rows: Sequence[Row]) -> Forgotten:
    """Those that are over."""
    keys = json_text([[row.key] for row in rows])
    still = tx.all(
        f"SELECT s.key FROM scheduled_calls s WHERE s.key {_in_rows(tx)} "
        f"AND s.final_state IS NOT NULL ORDER BY s.key {tx.dialect.for_update('s')}",
        rows=keys,
    )
    if not still:
        return Forgotten()
    keys = json_text([[row.key] for row in still])
    blank(tx, still)
    people = unname(tx, still)
    # The carrier's id leads to the number there.
    calls = tx.run(
        f"UPDATE calls SET carrier_call_id = NULL WHERE scheduled_key {_in_rows(tx)}", rows=keys
    )
    return Forgotten(people=people, calls=calls)


# --- contacts


def _forget_contacts(tx: Tx, sought: _Sought, after: int) -> _Looked:
    end = _group_end(tx, "contacts", "key", after)
    if end is None:
        return _Looked(Forgotten())
    found = tx.all(
        "SELECT t.key, t.folder_key FROM contacts t WHERE t.key > :after AND t.key <= :end "
        f"AND t.normalized_address = :address {sought.of_account('t.account_key')}ORDER BY t.key",
        after=after,
        end=end,
        address=sought.address,
    )
    erased = 0
    for contact in found:
        if tx.run("DELETE FROM contacts WHERE key = :key", key=contact.key):
            count_contacts(tx, contact.folder_key, -1)
            erased += 1
    return _Looked(Forgotten(contacts=erased), end)


def _count_lists_of_contacts(tx: Tx, sought: _Sought, after: int) -> _Looked:
    """On their way into a folder. Who is on them stands in texts that are soon gone."""
    count: int = tx.scalar(
        "SELECT COUNT(*) FROM imports i WHERE EXISTS (SELECT 1 FROM staged_contacts c "
        f"WHERE c.import_key = i.key) {sought.of_account('i.account_key')}"
    )
    return _Looked(Forgotten(lists_left=count))


# --- answers to requests, which name the duplicates that they left out


def _forget_answers(tx: Tx, sought: _Sought, after: int) -> _Looked:
    end = _group_end(tx, "requests", "expires_us", after)
    if end is None:
        return _Looked(Forgotten())
    quoted = json_text(sought.address)
    found = tx.all(
        "SELECT r.account_key, r.surface, r.request_id, r.answer_json FROM requests r "
        "WHERE r.expires_us > :after AND r.expires_us <= :end "
        f"{sought.of_account('r.account_key')}",
        after=after,
        end=end,
    )
    naming = [row for row in found if quoted in row.answer_json]
    tx.run_many(
        "UPDATE requests SET answer_json = :answer WHERE account_key = :account "
        "AND surface = :surface AND request_id = :id",
        [
            {
                "answer": row.answer_json.replace(quoted, '""'),
                "account": row.account_key,
                "surface": row.surface,
                "id": row.request_id,
            }
            for row in naming
        ],
    )
    return _Looked(Forgotten(answers=len(naming)), end)


# --- what rules for numbers have counted


def _forget_counts(tx: Tx, sought: _Sought, after: int) -> _Looked:
    """But for a call that is alive: its end is yet to be noted."""
    erased = tx.run(
        "DELETE FROM number_calls WHERE (call_key, sent_us) IN (SELECT n.call_key, n.sent_us "
        "FROM number_calls n WHERE n.account_key IN (SELECT a.key FROM accounts a) "
        f"AND n.address = :address AND n.ended_us IS NOT NULL "
        f"{sought.of_account('n.account_key')}LIMIT :most)",
        address=sought.address,
        most=LOOKED_AT_MOST,
    )
    return _Looked(Forgotten(numbers_counted=erased), 0 if erased == LOOKED_AT_MOST else None)


# --- do-not-call lists


def _forget_suppressions(tx: Tx, sought: _Sought, after: int) -> _Looked:
    """An account at a time: an account is locked before all else."""
    entry = tx.one_or_none(
        "SELECT p.account_key FROM suppressions p WHERE p.account_key > :after "
        f"AND p.address = :address {sought.of_account('p.account_key')}"
        "ORDER BY p.account_key LIMIT 1",
        after=after,
        address=sought.address,
    )
    if entry is None:
        return _Looked(Forgotten())
    account: int = entry.account_key
    if not sought.with_suppressions:
        return _Looked(Forgotten(suppressions_kept=1), account)
    lock_list(tx, account)
    erased = tx.run(
        "DELETE FROM suppressions WHERE account_key = :account AND address = :address",
        account=account,
        address=sought.address,
    )
    count_entries(tx, account, -erased)
    return _Looked(Forgotten(suppressions=erased), account)


_STEPS: Final[Sequence[Callable[[Tx, _Sought, int], _Looked]]] = (
    _forget_people,
    _forget_contacts,
    _count_lists_of_contacts,
    _forget_answers,
    _forget_counts,
    _forget_suppressions,
)
