"""The batch that is asked about, as a forecast lets it begin."""

from datetime import datetime

from outdial_server.domain.batch import ENDED_STATES, Batch, BatchState
from outdial_server.domain.batch_refusals import refusal
from outdial_server.domain.batch_rules import resume, start
from outdial_server.domain.errors import PreconditionError, Reason


def launched(batch: Batch, now: datetime) -> Batch:
    """A draft is started now, and a paused batch goes on now. Raises PreconditionError
    (BATCH_STATE, BATCH_EMPTY, AGENT_INACTIVE)."""
    if batch.state in ENDED_STATES:
        raise refusal(batch, "forecast", "nothing of it is still to come")
    if batch.counts.total == 0:
        raise PreconditionError(
            Reason.BATCH_EMPTY, "the batch has no scheduled calls, and nothing will come of it"
        )
    if batch.state is BatchState.DRAFT:
        return start(batch, now).batch
    resumed = resume(batch, now)
    return batch if resumed is None else resumed.batch
