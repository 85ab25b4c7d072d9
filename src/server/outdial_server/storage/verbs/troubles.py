"""What is wrong with carrier accounts and numbers. Most have no row: nothing is read for them,
and nothing written, until a request goes wrong; and the row goes when the trouble is over.

Lock order: ledger, calls, troubles, rules for numbers, throttles, batches.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_pace import UNRATED
from outdial_server.domain.report import CallReport, Evidence, Fault
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.domain.trouble import Sign, Trouble, account_after, number_after
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment_or_none
from outdial_server.storage.statements import Row
from outdial_server.storage.troubles import NO_TROUBLE_TEXT, trouble_from, trouble_text
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.carrier_rates import count_unrated, stop_counting_unrated
from outdial_server.storage.verbs.throttle_log import rules_from

_SCOPE: Final = (("kind", Kind.INT), ("owner", Kind.INT))
_SECOND: Final = timedelta(seconds=1)

_ACCOUNT, _NUMBER = ScopeKind.CARRIER_CONFIG, ScopeKind.PHONE_NUMBER


def troubles_of(kind: ScopeKind, owner: str, alias: str) -> str:
    """A join with those of accounts or numbers whose keys `owner` names."""
    return f"LEFT JOIN troubles {alias} ON {alias}.kind = {int(kind)} AND {alias}.owner = {owner} "


TROUBLES_OF_CALLS: Final = troubles_of(_ACCOUNT, "c.carrier_config_key", "za") + troubles_of(
    _NUMBER, "c.phone_number_key", "zn"
)
"""Of `calls c`; for `TROUBLE_COLUMNS`."""

TROUBLE_COLUMNS: Final = "za.owner AS troubled_config, zn.owner AS troubled_number"


def troubled_scopes(calls: Collection[Row]) -> set[SlotScope]:
    """Of calls read with `TROUBLE_COLUMNS`."""
    return {
        SlotScope(kind, owner)
        for call in calls
        for kind, owner in ((_ACCOUNT, call.troubled_config), (_NUMBER, call.troubled_number))
        if owner is not None
    }


def lock_troubles(tx: Tx, scopes: Collection[SlotScope]) -> dict[SlotScope, Trouble]:
    """Until the end of the transaction nobody else learns of these, or tries them."""
    return {scope: trouble_from(row.state_json) for scope, row in _locked(tx, scopes).items()}


def _locked(tx: Tx, scopes: Collection[SlotScope]) -> dict[SlotScope, Row]:
    """And the rates of accounts."""
    if not scopes:
        return {}
    rows = tx.all(
        "SELECT z.kind, z.owner, z.state_json, k.rate_key, t.rules_json FROM troubles z "
        f"LEFT JOIN carrier_configs k ON z.kind = {int(_ACCOUNT)} AND k.key = z.owner "
        "LEFT JOIN throttles t ON t.key = k.rate_key WHERE (z.kind, z.owner) IN "
        f"(SELECT r.kind, r.owner FROM {tx.dialect.rows('scopes', _SCOPE)} AS r) "
        f"ORDER BY z.kind, z.owner {tx.dialect.for_update('z')}",
        scopes=json_text([list(scope) for scope in sorted(scopes)]),
    )
    return {SlotScope(ScopeKind(row.kind), row.owner): row for row in rows}


# --- at SENDING


def let_through(tx: Tx, rows: Sequence[Row], troubles: Mapping[SlotScope, Trouble]) -> list[Row]:
    """Of calls read with `TROUBLE_COLUMNS`, as many as their accounts and numbers are to get
    now, the first of the group."""
    holds = {scope: trouble.hold(tx.now) for scope, trouble in troubles.items()}
    left = {scope: hold.left for scope, hold in holds.items() if hold is not None}
    if not left:
        return list(rows)
    through = []
    for row in rows:
        scopes = troubled_scopes([row]) & left.keys()
        if all(left[scope] for scope in scopes):
            through.append(row)
            for scope in scopes:
                left[scope] -= 1
    return through


def note_probes(tx: Tx, sending: Collection[Row], troubles: Mapping[SlotScope, Trouble]) -> None:
    """Of calls that go now: whoever went through an open breaker is its probe."""
    for scope in troubled_scopes(sending) & troubles.keys():
        if troubles[scope].breaker.is_open:
            _write(tx, scope, troubles[scope].probed(tx.now))


# --- at reports


class Signs:
    """What a group of reports tells of accounts and numbers. Mostly all is well, and nothing
    more is done than to hear it."""

    def __init__(self) -> None:
        self._heard: list[tuple[Row, CallReport]] = []
        self._is_any_troubled = False

    def hear(self, call: Row, report: CallReport) -> None:
        """Of a call read with `TROUBLE_COLUMNS`, under its present fence."""
        self._heard.append((call, report))
        if (
            report.evidence is not _WORKS
            or report.fault is _CALLER_ID
            or call.troubled_config is not None
            or call.troubled_number is not None
        ):
            self._is_any_troubled = True

    def note(self, tx: Tx) -> bool:
        """Whether more may go than before."""
        if not self._is_any_troubled:
            return False
        known = troubled_scopes([call for call, _ in self._heard])
        return note_signs(tx, self._signs(), known)

    def _signs(self) -> Mapping[SlotScope, list[Sign]]:
        signs: defaultdict[SlotScope, list[Sign]] = defaultdict(list)
        for call, report in self._heard:
            evidence, sent_at = report.evidence, moment_or_none(call.sent_us)
            if evidence is None or sent_at is None:
                continue
            if call.carrier_config_key is not None:
                sign = Sign(evidence, sent_at, report.reason, report.retry_after)
                signs[SlotScope(_ACCOUNT, call.carrier_config_key)].append(sign)
            of_number = Evidence.FAILS if report.fault is _CALLER_ID else evidence
            if call.phone_number_key is not None and evidence is _WORKS:
                sign = Sign(of_number, sent_at, report.reason)
                signs[SlotScope(_NUMBER, call.phone_number_key)].append(sign)
        return signs


_WORKS, _CALLER_ID = Evidence.WORKS, Fault.CALLER_ID


def note_signs(
    tx: Tx, signs: Mapping[SlotScope, Sequence[Sign]], known: Collection[SlotScope] = ()
) -> bool:
    """By account and number; `known` are those that were in trouble before, where what works
    is news. Whether more may go now."""
    troubled = {scope for scope, of in signs.items() if any(map(_is_bad, of))}
    _make_rows(tx, troubled)
    relieved = False
    for scope, row in _locked(tx, troubled | (signs.keys() & known)).items():
        relieved |= _note(tx, scope, row, signs[scope])
    return relieved


def _is_bad(sign: Sign) -> bool:
    return sign.evidence is not _WORKS


def _make_rows(tx: Tx, scopes: Collection[SlotScope]) -> None:
    """Those that are there stay as they are."""
    tx.run_many(
        "INSERT INTO troubles (kind, owner, state_json) VALUES (:kind, :owner, :state) "
        "ON CONFLICT DO NOTHING",
        [
            {"kind": int(scope.kind), "owner": scope.owner, "state": NO_TROUBLE_TEXT}
            for scope in sorted(scopes)
        ],
    )


def _note(tx: Tx, scope: SlotScope, row: Row, signs: Sequence[Sign]) -> bool:
    before = trouble_from(row.state_json)
    if scope.kind is _NUMBER:
        after, ceiling = number_after(before, signs, tx.now), UNRATED
    else:
        ceiling = UNRATED
        if row.rules_json is not None:
            (rule,) = rules_from(row.rules_json)
            ceiling = rule.calls_per_second
        is_first_fall_unrated = ceiling == UNRATED and before.pace is None
        full = _asked_lately(tx, scope.owner, signs) if is_first_fall_unrated else ceiling
        after = account_after(before, signs, ceiling, full, tx.now)
    if after.is_over(ceiling, tx.now):
        forget_trouble(tx, scope)
    elif after != before:
        _write(tx, scope, after)
        if after.pace is not None and row.rate_key is None:
            count_unrated(tx, scope.owner)
    if after.breaker.trips > before.breaker.trips:
        tx.happened.trips[scope.kind] += 1
    if after.pace is not None and (before.pace is None or after.pace.rate < before.pace.rate):
        tx.happened.slowed += 1
    return before.breaker.is_open and not after.breaker.is_open


def _asked_lately(tx: Tx, config: int, signs: Sequence[Sign]) -> float:
    """How many calls the account was given in the last second: of those that are alive, and
    those that this group has ended. Looks at all that are watched, for an account that has
    no rate and gets into trouble."""
    alive: int = tx.scalar(
        "SELECT COUNT(*) FROM calls WHERE trusted_until_us IS NOT NULL AND sent_us > :since "
        f"AND carrier_config_key = :config AND state <> {int(CallState.CLAIMED)}",
        since=micros(tx.now - _SECOND),
        config=config,
    )
    return min(UNRATED, float(max(1, alive + sum(map(_is_bad, signs)))))


def _write(tx: Tx, scope: SlotScope, trouble: Trouble) -> None:
    tx.run(
        "UPDATE troubles SET state_json = :state WHERE kind = :kind AND owner = :owner",
        state=trouble_text(trouble),
        kind=int(scope.kind),
        owner=scope.owner,
    )


def forget_trouble(tx: Tx, scope: SlotScope) -> None:
    tx.run(
        "DELETE FROM troubles WHERE kind = :kind AND owner = :owner",
        kind=int(scope.kind),
        owner=scope.owner,
    )
    if scope.kind is _ACCOUNT:
        stop_counting_unrated(tx, scope.owner)
