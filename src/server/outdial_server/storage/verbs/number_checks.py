"""Whether a batch has something to call from, where it is made or started."""

from collections.abc import Sequence
from typing import Final

from outdial_server.domain.batch_refusals import no_carrier_config, no_usable_number
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_by_key
from outdial_server.storage.verbs.own_numbers import OwnNumbers
from outdial_server.storage.verbs.rotations import named_number
from outdial_server.storage.verbs.runnable import Runnable, runnable_from

_WITH_CONFIG: Final = (
    "SELECT k.carrier FROM phone_numbers n JOIN carrier_configs k ON k.key = n.carrier_config_key "
    "WHERE n.account_key = :account AND n.deleted_us IS NULL AND n.active = 1 "
    "AND k.credentials_sealed IS NOT NULL "
)


def refuse_without_number(tx: Tx, batch_key: int) -> None:
    """For a batch that lists numbers or whose agent has some, and for one whose numbers are to
    have the carrier config. Raises PreconditionError (NO_USABLE_NUMBER, CARRIER_NOT_CONFIGURED).
    What comes after it the gates of the numbers tell."""
    r = runnable_from(batch_by_key(tx, batch_key))
    numbers = OwnNumbers(tx, [r])
    if numbers.are_without_config(r) and not _may_have_others(tx, r, numbers):
        raise no_carrier_config(r.batch.carrier)
    if numbers.is_without(r):
        raise no_usable_number()


def _may_have_others(tx: Tx, r: Runnable, numbers: OwnNumbers) -> bool:
    """Whether its people may be bound to numbers of their own that could be used. Those of a
    batch whose numbers are all of no use wait like the others."""
    if r.batch.is_direct or numbers.has_pool(r):
        return False
    carrier = tx.scalar(
        f"{_WITH_CONFIG}AND k.carrier = :carrier LIMIT 1",
        account=r.account_key,
        carrier=r.batch.carrier,
    )
    return carrier is not None


def carrier_of_numbers(tx: Tx, account: int, agent: int, settings: BatchSettings) -> str:
    """Of a batch that names none: that of the first of its numbers that has a carrier config.
    Empty when none has one."""
    return next((row.carrier for row in _with_config(tx, account, agent, settings)), "")


def _with_config(tx: Tx, account: int, agent: int, settings: BatchSettings) -> Sequence[Row]:
    listed = [settings.caller_id] if settings.caller_id else settings.phone_numbers
    if not listed:
        return tx.all(
            f"{_WITH_CONFIG}AND n.agent_key = :agent ORDER BY n.place LIMIT 1",
            account=account,
            agent=agent,
        )
    found: list[Row] = []
    for name in listed:
        column, value = named_number(name)
        found += tx.all(f"{_WITH_CONFIG}AND n.{column} = :value", account=account, value=value)
    return found
