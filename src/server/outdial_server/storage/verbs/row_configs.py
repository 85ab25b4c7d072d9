"""The carrier configs that the rows of a batch name."""

from collections.abc import Collection, Mapping, Sequence

from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.errors import Reason
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.ports.intake import RowConfig
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, mapping_from, not_found, pack_id, unpack_id
from outdial_server.storage.tx import Tx


def find_row_configs(tx: Tx, account: int, texts: Collection[str]) -> dict[str, RowConfig]:
    """By the ids or names that they are asked for by; what there is not is left out."""
    named = tx.dialect.rows("names", (("name", Kind.TEXT),))
    ids = {packed for text in texts if (packed := _id_or_none(text)) is not None}
    rows = tx.all(
        "SELECT k.id, k.display_name, k.carrier, k.credentials_json, "
        "k.credentials_sealed IS NOT NULL AS has_credentials FROM carrier_configs k "
        "WHERE k.account_key = :account AND k.deleted_us IS NULL "
        f"AND ({tx.dialect.id_in('k.id', 'ids')} "
        f"OR k.display_name IN (SELECT r.name FROM {named} AS r))",
        account=account,
        ids=tx.dialect.id_list(sorted(ids)),
        names=json_text([[text] for text in sorted(texts)]),
    )
    by_id: dict[str, RowConfig] = {}
    by_name: dict[str, RowConfig] = {}
    for row in rows:
        has_credentials = bool(row.has_credentials)
        shown = mapping_from(row.credentials_json) if has_credentials else {}
        found = RowConfig(unpack_id(row.id), DialledThrough(row.carrier, shown), has_credentials)
        by_id[found.config_id] = by_name[row.display_name] = found
    asked = {text: by_id.get(text.lower()) or by_name.get(text) for text in texts}
    return {text: found for text, found in asked.items() if found is not None}


def _id_or_none(text: str) -> bytes | None:
    try:
        return pack_id(text)
    except ValueError:
        return None


def note_row_configs(
    tx: Tx, account: int, batch: int, rows: Sequence[NewScheduledCall]
) -> Mapping[str, int]:
    """The keys of the configs that these rows name, by id. From now on they are in use by the
    batch; should the list break off, until the batch ends. Raises NotFoundError
    (CARRIER_CONFIG_NOT_FOUND)."""
    ids = {row.carrier_config for row in rows if row.carrier_config}
    if not ids:
        return {}
    found = tx.all(
        "SELECT k.key, k.id FROM carrier_configs k WHERE k.account_key = :account "
        f"AND k.deleted_us IS NULL AND {tx.dialect.id_in('k.id', 'ids')} "
        f"ORDER BY k.key {tx.dialect.for_update('k')}",
        account=account,
        ids=tx.dialect.id_list([pack_id(one) for one in sorted(ids)]),
    )
    keys = {unpack_id(row.id): row.key for row in found}
    for gone in sorted(ids - keys.keys()):
        raise not_found(Reason.CARRIER_CONFIG_NOT_FOUND, "carrier config", gone)
    tx.run_many(
        "INSERT INTO configs_of_rows (carrier_config_key, batch_key) VALUES (:config, :batch) "
        "ON CONFLICT DO NOTHING",
        [{"config": key, "batch": batch} for key in sorted(keys.values())],
    )
    tx.run(
        "UPDATE batches SET has_own_configs = 1 WHERE key = :key AND has_own_configs = 0",
        key=batch,
    )
    return keys


def erase_row_configs(tx: Tx, batch: int) -> None:
    """Of a batch whose rows are gone."""
    tx.run("DELETE FROM configs_of_rows WHERE batch_key = :batch", batch=batch)
