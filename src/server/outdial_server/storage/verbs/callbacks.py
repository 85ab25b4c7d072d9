"""The inbox of carriers' callbacks."""

from collections.abc import Sequence

import orjson

from outdial_server.ports.callbacks import StoredCallback
from outdial_server.ports.carrier import RawCallback
from outdial_server.storage.encoding import mapping_json
from outdial_server.storage.tx import Tx


def store_callbacks(tx: Tx, group: Sequence[RawCallback]) -> None:
    tx.run_many(
        "INSERT INTO callbacks (carrier, carrier_config, path, query, headers_json, body, "
        "received_us) VALUES (:carrier, :config, :path, :query, :headers, :body, :now)",
        [
            {
                "carrier": callback.carrier,
                "config": callback.carrier_config,
                "path": callback.path,
                "query": callback.query,
                "headers": mapping_json(callback.headers),
                "body": callback.body,
                "now": tx.now_us,
            }
            for callback in group
        ],
    )


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
