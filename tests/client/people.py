"""The agent and the batch that tests of the command know."""

from outdial.v1.batch_pb2 import Batch, BatchCounts, BatchState

BATCH_ID = "0190a000-0000-7000-8000-00000000000b"
AGENT_ID = "0190a000-0000-7000-8000-00000000000a"
BATCH = Batch(
    batch_id=BATCH_ID,
    display_name="Monday",
    state=BatchState.BATCH_STATE_RUNNING,
    agent_id=AGENT_ID,
    counts=BatchCounts(total=3, waiting=2, dialing=1),
)
