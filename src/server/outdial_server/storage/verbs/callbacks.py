"""The inbox of carriers' callbacks."""

from collections.abc import Sequence
from typing import Final

import orjson

from outdial_server.ports.callbacks import StoredCallback
from outdial_server.ports.carrier import RawCallback
from outdial_server.storage.encoding import mapping_json
from outdial_server.storage.tx import Tx

_COLUMNS: Final = (
    "key",
    "carrier",
    "carrier_config",
    "path",
    "query",
    "headers_json",
    "body",
    "received_us",
)


def store_callbacks(tx: Tx, group: Sequence[RawCallback]) -> tuple[int, ...]:
    """Returns their keys."""
    if not group:
        return ()
    found = tx.all(tx.dialect.next_keys("callbacks"), count=len(group))
    keys = tuple(row.key for row in found)
    tx.insert(
        "callbacks",
        _COLUMNS,
        [
            (
                key,
                callback.carrier,
                callback.carrier_config,
                callback.path,
                callback.query,
                mapping_json(callback.headers),
                callback.body,
                tx.now_us,
            )
            for key, callback in zip(keys, group, strict=True)
        ],
    )
    return keys


def pending_callbacks(tx: Tx, limit: int) -> list[StoredCallback]:
    rows = tx.all(
        "SELECT key, carrier, carrier_config, path, query, headers_json, body FROM callbacks "
        "ORDER BY key LIMIT :limit",
        limit=limit,
    )
    return [
        StoredCallback(
            row.key,
            RawCallback(
                row.carrier,
                row.path,
                row.query,
                orjson.loads(row.headers_json or "{}"),
                row.body,
                row.carrier_config,
            ),
        )
        for row in rows
    ]
