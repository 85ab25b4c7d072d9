"""Sealed secrets, wherever they are: found by the key that they were sealed with."""

from collections.abc import Sequence
from typing import Final

from outdial_server.ports.resealing import KeptSecret, SecretPlace
from outdial_server.storage.encoding import unpack_id
from outdial_server.storage.tx import Tx

COLUMNS: Final = {
    SecretPlace.CREDENTIALS: ("carrier_configs", "credentials_sealed"),
    SecretPlace.WEBHOOKS: ("webhooks", "secret"),
    SecretPlace.WEBHOOKS_BEFORE: ("webhooks", "previous_secret"),
    SecretPlace.BATCHES: ("batches", "webhook_secret"),
    SecretPlace.BATCHES_BEFORE: ("batches", "webhook_previous_secret"),
}
"""Each is sealed for the id of its row."""


def secrets_without(
    tx: Tx, place: SecretPlace, mark: str, after: int, limit: int
) -> list[KeptSecret]:
    table, column = COLUMNS[place]
    rows = tx.all(
        f"SELECT key, id, {column} AS sealed FROM {table} WHERE key > :after "
        f"AND {column} IS NOT NULL AND substr({column}, 1, :length) <> :mark "
        "ORDER BY key LIMIT :limit",
        after=after,
        length=len(mark),
        mark=mark,
        limit=limit,
    )
    return [KeptSecret(row.key, unpack_id(row.id), row.sealed) for row in rows]


def replace_secrets(tx: Tx, place: SecretPlace, renewed: Sequence[tuple[KeptSecret, str]]) -> int:
    """A secret that was written meanwhile is as new as can be. Nothing that anybody reads has
    changed, so no revision has."""
    table, column = COLUMNS[place]
    return sum(
        tx.run(
            f"UPDATE {table} SET {column} = :renewed WHERE key = :key AND {column} = :sealed",
            renewed=sealed,
            key=secret.key,
            sealed=secret.sealed,
        )
        for secret, sealed in renewed
    )
