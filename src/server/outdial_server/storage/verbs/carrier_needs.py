"""What the carriers of a server ask of batches, as it is kept with them: claims judge by it."""

from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.medium import Medium
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.tx import Tx


def follow_terms(tx: Tx, terms: CarrierTerms) -> None:
    """For batches that have not ended: one that is retried later is told at the next start. Who
    was held by the old terms is looked at again."""
    carriers = tx.dialect.rows("carriers", (("name", Kind.TEXT),))
    needs = (
        f"CASE WHEN medium = {int(Medium.OUTGOING)} AND carrier IN "
        f"(SELECT r.name FROM {carriers} AS r) THEN 1 ELSE 0 END"
    )
    others = f"FROM batches WHERE ended_us IS NULL AND needs_config <> {needs}"
    named = json_text([[name] for name in sorted(terms.need_config)])
    tx.all(f"SELECT key {others} ORDER BY key {tx.dialect.for_update()}", carriers=named)
    tx.run(
        f"UPDATE batches SET needs_config = 1 - needs_config, requeue_from = 0 "
        f"WHERE key IN (SELECT key {others})",
        carriers=named,
    )
