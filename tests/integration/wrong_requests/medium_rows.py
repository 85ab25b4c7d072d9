"""Wrong media and webhooks of batches."""

from outdial.v1.batch_pb2 import Batch
from outdial.v1.scheduled_call_pb2 import MEDIUM_OUTGOING, MEDIUM_WEBHOOK, ScheduledCall
from tests.integration.wrong_requests.batch_rows import batch, creating
from tests.integration.wrong_requests.world import ANSWERED
from tests.integration.wrong_requests.wrong import Wrong, faulty

URL, SECRET = "https://hooks.example.com/ready", "s3cr3t"


def wrong(what: str, field: str, says: str = "", **settings: object) -> Wrong:
    return faulty(what, "CreateBatch", creating(**settings), f"batch.{field}", says=says)


ROWS = [
    wrong("a medium that there is not", "medium", medium=99),
    wrong("nobody to tell", "webhook_url", "medium WEBHOOK", medium=MEDIUM_WEBHOOK),
    wrong("a webhook without a secret", "webhook_secret", "is required", webhook_url=URL),
    wrong("a secret for no webhook", "webhook_url", webhook_secret=SECRET),
    wrong("too long a secret", "webhook_secret", webhook_url=URL, webhook_secret="x" * 121),
    wrong(
        "a webhook in the clear",
        "webhook_url",
        "https",
        webhook_url="http://hooks.example.com/",
        webhook_secret=SECRET,
    ),
    faulty(
        "somebody to dial without a carrier",
        "CreateBatch",
        lambda w: {
            "batch": batch(w, medium=MEDIUM_WEBHOOK, webhook_url=URL, webhook_secret=SECRET),
            "scheduled_calls": [ScheduledCall(address=ANSWERED, medium=MEDIUM_OUTGOING)],
        },
        "scheduled_calls[0].medium",
        says="OUTGOING needs a carrier",
    ),
    faulty(
        "a secret for no webhook",
        "UpdateBatch",
        lambda w: {"batch": Batch(batch_id=w.running_id, webhook_secret=SECRET)},
        "batch.webhook_url",
    ),
]
