"""Whom a batch call tries again: `retry_failed` and `max_retry_attempts`.

The documents say neither after what nor when; both is chosen here.
"""

from datetime import timedelta
from typing import Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from outdial.v1 import batch_pb2, retry_policy_pb2, scheduled_call_pb2

RETRY_DELAY: Final = timedelta(minutes=15)

ATTEMPTS_MAX: Final = 3

RETRIED: Final = (
    scheduled_call_pb2.DISPOSITION_NO_ANSWER,
    scheduled_call_pb2.DISPOSITION_BUSY,
    scheduled_call_pb2.DISPOSITION_REJECTED,
    scheduled_call_pb2.DISPOSITION_FAILED,
)
"""Never a call that was answered."""

_FAILED: Final = "truedy.retry_failed"
_ATTEMPTS: Final = "truedy.max_retry_attempts"


class Retries(NamedTuple):
    retry_failed: bool
    max_attempts: int


def policy(retries: Retries) -> retry_policy_pb2.RetryPolicy | None:
    if not retries.retry_failed or not retries.max_attempts:
        return None
    delay = Duration()
    delay.FromTimedelta(RETRY_DELAY)
    delays = [delay] * retries.max_attempts
    rules = [retry_policy_pb2.RetryRule(disposition=end, delays=delays) for end in RETRIED]
    return retry_policy_pb2.RetryPolicy(max_attempts=1 + retries.max_attempts, rules=rules)


def note(annotations: Struct, retries: Retries) -> None:
    """One of the two words alone asks for nothing, and is given back all the same."""
    annotations[_FAILED] = retries.retry_failed
    annotations[_ATTEMPTS] = retries.max_attempts


def retries_of(batch: batch_pb2.Batch) -> Retries:
    """The policy decides, whoever has written it."""
    if batch.HasField("retry_policy"):
        return Retries(retry_failed=True, max_attempts=max(0, batch.retry_policy.max_attempts - 1))
    fields = batch.annotations.fields
    attempts = fields[_ATTEMPTS].number_value if _ATTEMPTS in fields else 0
    # Anybody may write annotations.
    asked = Retries(
        _FAILED in fields and fields[_FAILED].bool_value, int(min(max(attempts, 0), ATTEMPTS_MAX))
    )
    # Of words that ask for retries the policy was taken away natively.
    return asked if policy(asked) is None else Retries(retry_failed=False, max_attempts=0)
