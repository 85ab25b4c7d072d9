"""What decides on further tries, read for the calls of a group that may end now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from outdial_server.domain.batch import ENDED_STATES
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.retry_policy import RetryTerms, Tries
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, moment_or_none
from outdial_server.storage.retry_policies import policy_from
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx

_KEY: Final = (("key", Kind.INT),)
_OVER: Final = ", ".join(str(int(state)) for state in sorted(ENDED_STATES))
_NONE_EARLIER: Final[Mapping[Disposition, int]] = {}


def read_terms(tx: Tx, calls: Sequence[Row]) -> dict[int, RetryTerms]:
    """By call. `calls` are of batches with a policy. Of a batch that dials nobody any more
    there are none: its rows end as what came of their calls, and not as something that was
    to be dialled again and then was not."""
    if not calls:
        return {}
    batches = _open_batches(tx, {call.batch_key for call in calls})
    calls = [call for call in calls if call.batch_key in batches]
    earlier = _earlier_tries(tx, [call.scheduled_key for call in calls if call.attempt > 1])
    policies = {key: policy_from(batch.retry_policy_json) for key, batch in batches.items()}
    ends = {key: moment_or_none(batch.window_end_us) for key, batch in batches.items()}
    drawing = {key for key, policy in policies.items() if policy.draws}
    terms = {}
    for call in calls:
        batch = call.batch_key
        terms[call.key] = RetryTerms(
            policies[batch],
            Tries(call.attempt, earlier.get(call.scheduled_key, _NONE_EARLIER)),
            ends[batch],
            tx.ids.draw() if batch in drawing else 0.0,
        )
    return terms


def _open_batches(tx: Tx, keys: set[int]) -> dict[int, Row]:
    """Not locked: one that is stopped at this very moment has its settler, which ends what
    waits by then."""
    rows = tx.all(
        "SELECT b.key, b.retry_policy_json, b.window_end_us FROM batches b "
        f"WHERE b.key IN (SELECT r.key FROM {tx.dialect.rows('rows', _KEY)} AS r) "
        f"AND b.state NOT IN ({_OVER}) AND b.settling_to IS NULL "
        "AND b.retry_policy_json IS NOT NULL",
        rows=json_text([[key] for key in sorted(keys)]),
    )
    return {row.key: row for row in rows}


def _earlier_tries(tx: Tx, row_keys: Sequence[int]) -> Mapping[int, Mapping[Disposition, int]]:
    """How the tries ended that came before, counted by row. Only retries ask."""
    if not row_keys:
        return {}
    counted: defaultdict[int, dict[Disposition, int]] = defaultdict(dict)
    for row in tx.all(
        "SELECT c.scheduled_key, c.disposition, COUNT(*) AS tries FROM calls c "
        f"WHERE c.scheduled_key IN (SELECT r.key FROM {tx.dialect.rows('rows', _KEY)} AS r) "
        f"AND c.state = {int(CallState.ENDED)} GROUP BY c.scheduled_key, c.disposition",
        rows=json_text([[key] for key in row_keys]),
    ):
        counted[row.scheduled_key][Disposition(row.disposition)] = row.tries
    return counted
