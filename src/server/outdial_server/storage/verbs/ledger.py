"""The slot ledger. Its rows are locked before all others, in the order of their scopes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from outdial_server.domain.slots import (
    ScopeKind,
    SlotOwners,
    SlotRow,
    SlotScope,
    hard_cap_after,
    scopes_of,
)
from outdial_server.storage.dialects.dialect import Dialect, Kind
from outdial_server.storage.encoding import json_text, micros_or_none, moment_or_none
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx

_SCOPE = (("kind", Kind.INT), ("owner", Kind.INT))

OWNER_COLUMNS: Final = ", ".join(f"c.{column}" for column in SlotOwners._fields)
"""What `owners_of` needs, of `calls c`."""

_owners: Final[Callable[[Row], tuple[Any, ...]]] = attrgetter(*SlotOwners._fields)


def owners_of(call: Row) -> SlotOwners:
    return SlotOwners._make(_owners(call))


def owners_of_batch(batch: Row) -> SlotOwners:
    """Of the calls that the batch is to make now; those that it has made have their own."""
    return SlotOwners(
        batch.account_key,
        batch.agent_key,
        batch.key,
        batch.carrier_config_key,
        is_direct=batch.is_direct,
    )


def scopes_of_batch(batch: Row) -> tuple[SlotScope, ...]:
    return scopes_of(owners_of_batch(batch))


def lock_slots_of_calls(tx: Tx, calls: Iterable[Row]) -> None:
    """Of calls read with `OWNER_COLUMNS`, before they are locked themselves."""
    lock_slots(tx, {scope for call in calls for scope in scopes_of(owners_of(call))})


def free_slots_of_calls(tx: Tx, freed: Mapping[SlotOwners, int]) -> None:
    """So many calls, by whom they counted against."""
    free_slots(tx, count_scopes(freed))


def read_slots(tx: Tx, scopes: Iterable[SlotScope]) -> dict[SlotScope, SlotRow]:
    """The rows of these scopes; locked, where others write too."""
    wanted = tx.dialect.rows("scopes", _SCOPE)
    rows = tx.all(
        f"SELECT s.kind, s.owner, s.target_cap, s.hard_cap, s.used, s.opens_us, "
        "s.opens_mark, s.external, s.served FROM slots s "
        f"WHERE (s.kind, s.owner) IN (SELECT w.kind, w.owner FROM {wanted} w) "
        f"ORDER BY s.kind, s.owner {tx.dialect.for_update('s')}",
        scopes=_scopes_json(scopes),
    )
    slots = (
        SlotRow(
            SlotScope(ScopeKind(r.kind), r.owner),
            r.target_cap,
            r.hard_cap,
            r.used,
            moment_or_none(r.opens_us),
            r.opens_mark,
            r.external,
            r.served,
        )
        for r in rows
    )
    return {row.scope: row for row in slots}


def lock_slots(tx: Tx, scopes: Iterable[SlotScope]) -> None:
    if tx.dialect.locks_rows:
        read_slots(tx, scopes)


def take_slots(tx: Tx, taken: Mapping[SlotScope, int]) -> None:
    """The CHECK on the table is the backstop: a cap is never passed, whoever is wrong."""
    _add(tx, {scope: count for scope, count in taken.items() if count})


def free_slots(tx: Tx, freed: Mapping[SlotScope, int]) -> None:
    _add(tx, {scope: -count for scope, count in freed.items() if count})


def _add(tx: Tx, deltas: Mapping[SlotScope, int]) -> None:
    if deltas:
        rows = [[scope.kind, scope.owner, delta] for scope, delta in sorted(deltas.items())]
        tx.run(_add_sql(tx.dialect), rows=json_text(rows))


def _add_sql(dialect: Dialect) -> str:
    rows = dialect.rows("rows", (*_SCOPE, ("delta", Kind.INT)))
    # A hard cap above the target follows `used` down, and never up.
    followed = dialect.greatest("target_cap", dialect.least("hard_cap", "used + r.delta"))
    return (
        f"UPDATE slots SET used = used + r.delta, "
        f"hard_cap = CASE WHEN hard_cap IS NULL THEN NULL ELSE {followed} END "
        f"FROM {rows} AS r WHERE slots.kind = r.kind AND slots.owner = r.owner"
    )


def count_externals(tx: Tx, deltas: Mapping[SlotScope, int]) -> None:
    """External calls that have come or gone. They are there anyway: the hard cap follows
    `used` up as well."""
    rows = [[scope.kind, scope.owner, delta] for scope, delta in sorted(deltas.items()) if delta]
    if not rows:
        return
    table = tx.dialect.rows("rows", (*_SCOPE, ("delta", Kind.INT)))
    tx.run(
        "UPDATE slots SET used = used + r.delta, external = external + r.delta, "
        f"hard_cap = CASE WHEN target_cap IS NULL THEN NULL "
        f"ELSE {tx.dialect.greatest('target_cap', 'used + r.delta')} END "
        f"FROM {table} AS r WHERE slots.kind = r.kind AND slots.owner = r.owner",
        rows=json_text(rows),
    )


def set_cap(tx: Tx, scope: SlotScope, target_cap: int | None) -> None:
    """Makes the scope, or gives it a new target. What is in use stays in use."""
    present = read_slots(tx, [scope]).get(scope)
    used = present.used if present else 0
    values = {
        "kind": int(scope.kind),
        "owner": scope.owner,
        "target": target_cap,
        "hard": hard_cap_after(target_cap, used),
    }
    if present is None:
        tx.run(
            "INSERT INTO slots (kind, owner, target_cap, hard_cap) "
            "VALUES (:kind, :owner, :target, :hard)",
            **values,
        )
    else:
        tx.run(
            "UPDATE slots SET target_cap = :target, hard_cap = :hard "
            "WHERE kind = :kind AND owner = :owner",
            **values,
        )


def plan_next(tx: Tx, scope: SlotScope, opens_at: datetime | None, mark: int) -> None:
    """See `SlotRow.opens_at`."""
    tx.run(
        "UPDATE slots SET opens_us = :opens, opens_mark = :mark "
        "WHERE kind = :kind AND owner = :owner",
        opens=micros_or_none(opens_at),
        mark=mark,
        kind=int(scope.kind),
        owner=scope.owner,
    )


def note_served(tx: Tx, served: Mapping[SlotScope, int]) -> None:
    """See `SlotRow.served`."""
    if served:
        rows = tx.dialect.rows("rows", (*_SCOPE, ("served", Kind.INT)))
        tx.run(
            f"UPDATE slots SET served = r.served FROM {rows} AS r "
            "WHERE slots.kind = r.kind AND slots.owner = r.owner",
            rows=json_text([[*scope, of_scope] for scope, of_scope in sorted(served.items())]),
        )


def count_scopes(calls: Mapping[SlotOwners, int]) -> Counter[SlotScope]:
    counted: Counter[SlotScope] = Counter()
    for owners, count in calls.items():
        for scope in scopes_of(owners):
            counted[scope] += count
    return counted


def _scopes_json(scopes: Iterable[SlotScope]) -> str:
    return json_text([[scope.kind, scope.owner] for scope in sorted(set(scopes))])
