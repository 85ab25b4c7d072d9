"""Which numbers an account with rules for them has called of late: a row for each call, made
at SENDING and swept when no rule can ask for it any more. A call that was not placed leaves
none."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

from outdial_server.domain.claims import Candidate, number_gates
from outdial_server.domain.number_rules import UNCALLED, NumberRules, NumberUse
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.number_rules import lock_number_rules
from outdial_server.storage.verbs.suppressed import addresses_json, among_addresses

LONGEST_DAY: Final = timedelta(hours=26)
"""A local date takes at most 25 hours, wherever clocks are changed by no more than one."""


def read_uses(
    tx: Tx, account: int, rules: NumberRules, addresses: Collection[str]
) -> dict[str, NumberUse]:
    """Of those of these numbers that the rules have to be asked about."""
    gap, asks_for_days = rules.min_gap or timedelta(0), rules.max_calls_per_day is not None
    rows = tx.all(
        "SELECT n.address, n.sent_us, n.ended_us FROM number_calls n "
        f"WHERE n.account_key = :account AND {among_addresses(tx, 'n.address')} "
        "AND (n.ended_us IS NULL OR n.ended_us > :rested OR n.sent_us > :day)",
        account=account,
        addresses=addresses_json(addresses),
        rested=micros(tx.now - gap),
        day=micros(tx.now - LONGEST_DAY) if asks_for_days else tx.now_us,
    )
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.address].append(row)
    return {address: _use(of_address) for address, of_address in found.items()}


def _use(rows: Sequence[Row]) -> NumberUse:
    ends = [row.ended_us for row in rows if row.ended_us is not None]
    return NumberUse(
        sent_at=tuple(moment(row.sent_us) for row in rows),
        live=len(rows) - len(ends),
        ended_at=moment(max(ends)) if ends else None,
    )


def within_number_rules(
    tx: Tx, rows: Sequence[Row], by_id: Mapping[bytes, ClaimedCall]
) -> list[Row]:
    """Those that their numbers may be called for now, the first of each number first. The
    rules are asked here again: another batch may have called since, or be doing so."""
    accounts = {row.account_key for row in rows if row.has_number_rules}
    if not accounts:
        return list(rows)
    rules = lock_number_rules(tx, accounts)
    barred: set[int] = set()
    for account in rules:
        of_account = [row for row in rows if row.account_key == account]
        barred |= _barred(tx, rules[account], of_account, by_id)
    return [row for row in rows if row.key not in barred]


def _barred(
    tx: Tx, rules: NumberRules, rows: Sequence[Row], by_id: Mapping[bytes, ClaimedCall]
) -> set[int]:
    uses = read_uses(tx, rows[0].account_key, rules, {row.normal_form for row in rows})
    gates = number_gates(rules)
    barred: set[int] = set()
    for row in rows:
        zone, use = by_id[row.id].time_zone, uses.get(row.normal_form, UNCALLED)
        if zone is None:
            # Claimed before the account had such rules.
            barred.add(row.key)
            continue
        candidate = Candidate(row.key, tx.now, 0, row.normal_form, zone, number=use)
        if all(gate(candidate, tx.now).is_open for gate in gates):
            uses[row.normal_form] = use.with_call(tx.now)
        else:
            barred.add(row.key)
    return barred


NumberedCall = tuple[int, int]
"""The key of a call and when it was sent, by the call itself."""

_COLUMNS: Final = ("call_key", "sent_us", "account_key", "address")
_NUMBERED: Final = (("call", Kind.INT), ("sent", Kind.INT))


def note_calls(tx: Tx, rows: Sequence[Row], sent_us: Mapping[int, int]) -> None:
    """Calls that become SENDING now, with the moment of each by its key."""
    tx.insert(
        "number_calls",
        _COLUMNS,
        [(row.key, sent_us[row.key], row.account_key, row.normal_form) for row in rows],
    )


def note_ends(tx: Tx, calls: Collection[NumberedCall]) -> None:
    if calls:
        tx.run(
            f"UPDATE number_calls SET ended_us = :now WHERE {_among(tx)}",
            now=tx.now_us,
            calls=json_text(sorted(calls)),
        )


def forget_calls(tx: Tx, calls: Collection[NumberedCall]) -> None:
    """Of calls that turned out not to have been placed."""
    if calls:
        tx.run(f"DELETE FROM number_calls WHERE {_among(tx)}", calls=json_text(sorted(calls)))


def _among(tx: Tx) -> str:
    calls = tx.dialect.rows("calls", _NUMBERED)
    return f"(call_key, sent_us) IN (SELECT r.call, r.sent FROM {calls} AS r)"
