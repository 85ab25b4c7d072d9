"""Wrong retry policies."""

from google.protobuf.duration_pb2 import Duration
from outdial.v1.retry_policy_pb2 import RetryBackoff, RetryPolicy, RetryRule
from outdial.v1.scheduled_call_pb2 import (
    DISPOSITION_ANSWERED_HUMAN,
    DISPOSITION_BUSY,
    DISPOSITION_UNKNOWN,
    Disposition,
)
from tests.integration.wrong_requests.batch_rows import creating
from tests.integration.wrong_requests.wrong import Wrong, faulty

MINUTE, HOUR = Duration(seconds=60), Duration(seconds=3600)
BUSY = RetryRule(disposition=DISPOSITION_BUSY, delays=[MINUTE])


def policy(what: str, path: str, *rules: RetryRule, max_attempts: int = 0, says: str = "") -> Wrong:
    wrong = RetryPolicy(max_attempts=max_attempts, rules=rules)
    path = f"batch.retry_policy{path}"
    return faulty(what, "CreateBatch", creating(retry_policy=wrong), path, says=says)


def busy(backoff: RetryBackoff) -> RetryRule:
    return RetryRule(disposition=DISPOSITION_BUSY, backoff=backoff)


def after(disposition: Disposition.ValueType) -> RetryRule:
    return RetryRule(disposition=disposition, delays=[MINUTE])


POLICIES = [
    policy("a retry policy without rules", ".rules", max_attempts=3, says="at least one rule"),
    policy("more tries than there may be", ".max_attempts", BUSY, max_attempts=11),
    policy("fewer tries than one", ".max_attempts", BUSY, max_attempts=-1),
    policy("a rule for no end", ".rules[1].disposition", BUSY, after(Disposition.ValueType(0))),
    policy("a rule for an unknown end", ".rules[0].disposition", after(Disposition.ValueType(99))),
    policy(
        "a rule for whom was reached",
        ".rules[0].disposition",
        after(DISPOSITION_ANSWERED_HUMAN),
        says="must be one of ANSWERED_MACHINE, BUSY",
    ),
    policy(
        "a rule for whom may have been reached",
        ".rules[0].disposition",
        after(DISPOSITION_UNKNOWN),
    ),
    policy("two rules for one end", ".rules[1].disposition", BUSY, BUSY, says="has a rule already"),
    policy("a rule that says not when", ".rules[0]", RetryRule(disposition=DISPOSITION_BUSY)),
    policy(
        "a rule that says twice when",
        ".rules[0]",
        RetryRule(
            disposition=DISPOSITION_BUSY, delays=[MINUTE], backoff=RetryBackoff(initial=MINUTE)
        ),
        says="either delays or backoff",
    ),
    policy(
        "more delays than tries",
        ".rules[0].delays",
        RetryRule(disposition=DISPOSITION_BUSY, delays=[MINUTE] * 10),
        says="1 to 9 delays",
    ),
    policy(
        "no time between tries",
        ".rules[0].delays[1]",
        RetryRule(disposition=DISPOSITION_BUSY, delays=[MINUTE, Duration()]),
        says="whole seconds",
    ),
    policy("a backoff from nothing", ".rules[0].backoff.initial", busy(RetryBackoff())),
    policy(
        "a backoff that shrinks",
        ".rules[0].backoff.multiplier",
        busy(RetryBackoff(initial=MINUTE, multiplier=0.5)),
    ),
    policy(
        "a multiplier that is no number",
        ".rules[0].backoff.multiplier",
        busy(RetryBackoff(initial=MINUTE, multiplier=float("nan"))),
    ),
    policy(
        "a cap below the first wait",
        ".rules[0].backoff.cap",
        busy(RetryBackoff(initial=HOUR, cap=MINUTE)),
    ),
    policy(
        "more jitter than the wait",
        ".rules[0].backoff.jitter",
        busy(RetryBackoff(initial=MINUTE, jitter=1.5)),
    ),
]
