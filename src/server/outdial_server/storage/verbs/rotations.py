"""The numbers that a batch lists, and whose turn it was last. Apart from the batch's row,
which is written with each event: a list is long."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import orjson

from outdial_server.domain.errors import Reason
from outdial_server.storage.encoding import json_text, not_found, pack_id, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx


@lru_cache(maxsize=1024)
def listed_numbers(text: str | None) -> tuple[str, ...]:
    """Ids, of what is stored."""
    return tuple(orjson.loads(text)) if text else ()


def write_list(tx: Tx, batch_key: int, account: int, names: Sequence[str]) -> None:
    """By ids or E.164 forms. Raises NotFoundError (PHONE_NUMBER_NOT_FOUND)."""
    ids = [_number_id(tx, account, name) for name in names]
    tx.run(
        "INSERT INTO rotations (batch_key, numbers_json) VALUES (:batch, :numbers) "
        "ON CONFLICT (batch_key) DO UPDATE SET numbers_json = excluded.numbers_json",
        batch=batch_key,
        # One that is named twice has one turn.
        numbers=json_text(list(dict.fromkeys(ids))) if ids else "",
    )


def _number_id(tx: Tx, account: int, name: str) -> str:
    column, value = named_number(name)
    found = tx.scalar(
        f"SELECT n.id FROM phone_numbers n WHERE n.account_key = :account AND n.{column} = :value "
        "AND n.deleted_us IS NULL",
        account=account,
        value=value,
    )
    if found is None:
        raise not_found(Reason.PHONE_NUMBER_NOT_FOUND, "phone number", name)
    return unpack_id(found)


def named_number(name: str) -> tuple[str, bytes | str]:
    """The column by which it is found, and the value there."""
    try:
        return "id", pack_id(name)
    except ValueError:
        return "address", name


def batches_that_list(tx: Tx, account: int, number_id: str) -> list[Row]:
    """Id and name of those that have not ended, the oldest first. Looks at each of the account
    that lists any."""
    rows = tx.all(
        "SELECT b.id, b.display_name, ro.numbers_json "
        "FROM batches b JOIN rotations ro ON ro.batch_key = b.key "
        "WHERE b.ended_us IS NULL AND b.revealed_us IS NOT NULL AND b.account_key = :account "
        "ORDER BY b.key",
        account=account,
    )
    return [row for row in rows if number_id in listed_numbers(row.numbers_json)]


def write_turns(tx: Tx, last: Mapping[int, int]) -> None:
    """The keys of the numbers that were chosen last, by batch. Only claims write them, and
    those of one account take turns."""
    tx.run_many(
        "INSERT INTO rotations (batch_key, last_key) VALUES (:batch, :last) "
        "ON CONFLICT (batch_key) DO UPDATE SET last_key = excluded.last_key",
        [{"batch": batch, "last": number} for batch, number in sorted(last.items())],
    )


def erase_rotation(tx: Tx, batch_key: int) -> None:
    tx.run("DELETE FROM rotations WHERE batch_key = :key", key=batch_key)
