"""Batches that may have somebody to dial."""

from dataclasses import dataclass, replace
from typing import Final

from outdial_server.domain.account import AccountRules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.carrier_config import ConfigRef, config_ref
from outdial_server.domain.slots import ScopeKind, SlotOwners, SlotScope, scopes_of
from outdial_server.domain.trouble import Trouble
from outdial_server.storage.encoding import id_text
from outdial_server.storage.statements import Row
from outdial_server.storage.troubles import trouble_or_none
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import SELECT_BATCH, batch_from, rules_from
from outdial_server.storage.verbs.ledger import owners_of_batch


@dataclass(frozen=True, slots=True)
class Runnable:
    """A batch that may have somebody to dial, and the scopes that its calls count in."""

    key: int
    # Of the calls that it is to make now.
    owners: SlotOwners
    next_position: int
    batch: Batch
    rules: AccountRules
    # 0 for an agent without texts.
    texts_revision: int
    # Of its throttle, and of its carrier config's rate.
    throttle_key: int | None = None
    rate_key: int | None = None
    agent_has_numbers: bool = False
    # The number that was chosen last.
    last_number_key: int | None = None

    # That its calls go through.
    carrier_config: ConfigRef | None = None
    # Of its carrier config.
    trouble: Trouble | None = None
    # Whether some of its people name carrier configs of their own. All of these are then the
    # matter of each row, and nothing above is said of that of the batch.
    is_mixed: bool = False
    # Of the batch's own, mixed or not.
    config_key: int | None = None

    @property
    def account_key(self) -> int:
        return self.owners.account_key

    @property
    def agent_key(self) -> int:
        assert self.owners.agent_key is not None, "a batch has one"
        return self.owners.agent_key

    @property
    def names_numbers(self) -> bool:
        """Whether it says itself what its calls show; else they show its agent's numbers."""
        return bool(self.batch.settings.caller_id or self.batch.settings.phone_numbers)

    @property
    def holds_rows(self) -> bool:
        """Whether some of its rows may be held, for want of a number or of what dials it."""
        return self.rules.has_phone_numbers or self.batch.lacks_config or self.is_mixed

    @property
    def window_keys(self) -> tuple[int, ...]:
        """The throttles whose windows its calls count in."""
        return tuple(key for key in (self.throttle_key, self.rate_key) if key is not None)

    @property
    def scopes(self) -> tuple[SlotScope, ...]:
        return scopes_of(self.owners)


_HAS_FREE: Final = (
    "EXISTS (SELECT 1 FROM slots f WHERE f.kind = {kind} AND f.owner = b.account_key "
    "AND (f.target_cap IS NULL OR f.used < f.target_cap))"
)


_OF_ACCOUNT, _OF_BATCHES = (
    _HAS_FREE.format(kind=int(kind)) for kind in (ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_BATCHES)
)
_WAITS: Final = f"b.ended_us IS NULL AND b.state = {int(BatchState.RUNNING)} AND b.waiting > 0"
_MAY_RUN: Final = (
    f"{_WAITS} AND b.revealed_us IS NOT NULL AND {_OF_ACCOUNT} "
    f"AND ({_OF_BATCHES} OR b.is_direct = 1)"
)


def is_any_runnable(tx: Tx) -> bool:
    """Asked before the ledger is locked. Most claims of servers that share a database come for
    slots that another has taken meanwhile: these are to wait for nobody and to read no more.
    Whoever is about to free one wakes claims once that is committed."""
    if not tx.dialect.locks_rows:
        return True
    return bool(tx.scalar(f"SELECT EXISTS (SELECT 1 FROM batches b WHERE {_MAY_RUN})"))


def lock_accounts(tx: Tx) -> None:
    """Whoever changes a batch or its rules locks its account's row of the ledger first: what
    is read behind this is no older than the changes that a claim had to wait for."""
    if tx.dialect.locks_rows:
        tx.all(
            f"SELECT s.owner FROM slots s WHERE s.kind = {int(ScopeKind.ACCOUNT)} AND s.owner IN "
            f"(SELECT b.account_key FROM batches b WHERE {_WAITS}) "
            f"ORDER BY s.kind, s.owner {tx.dialect.for_update('s')}"
        )


def read_runnable(tx: Tx, account_key: int | None = None) -> list[Runnable]:
    """Batches that wait, of accounts with a free slot for them: the others are not even read,
    since most claims come when all slots are taken. Of one account, where it is named."""
    of_account = "" if account_key is None else "AND b.account_key = :account_key "
    parameters = {} if account_key is None else {"account_key": account_key}
    rows = tx.all(f"{SELECT_BATCH}WHERE {_MAY_RUN} {of_account}ORDER BY b.key", **parameters)
    return [runnable_from(row) for row in rows]


def runnable_from(row: Row) -> Runnable:
    """Of a batch read with SELECT_BATCH, whether it may have somebody to dial or not."""
    r = going_one_way(row)
    if not r.batch.has_own_configs:
        return r
    return replace(
        r,
        owners=r.owners._replace(carrier_config_key=None),
        rate_key=None,
        carrier_config=None,
        trouble=None,
        is_mixed=True,
    )


def going_one_way(row: Row) -> Runnable:
    """As if all of its people were dialled with the batch's own carrier config."""
    return Runnable(
        row.key,
        owners_of_batch(row),
        row.next_position,
        batch_from(row),
        rules_from(row),
        row.agent_texts_revision,
        row.throttle_key,
        row.rate_key,
        row.agent_numbers > 0,
        row.last_number_key,
        config_ref(id_text(row.carrier_config_id), row.carrier_config_revision or 0),
        trouble_or_none(row.trouble_json),
        config_key=row.carrier_config_key,
    )
