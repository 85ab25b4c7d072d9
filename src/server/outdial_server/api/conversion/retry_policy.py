"""Retry policies."""

from google.protobuf.duration_pb2 import Duration
from outdial.v1 import retry_policy_pb2 as pb

from outdial_server.api.conversion.enums import DISPOSITION
from outdial_server.api.conversion.times import duration, span
from outdial_server.domain import limits
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.retry_policy import (
    Backoff,
    FixedDelays,
    RetryPolicy,
    RetryRule,
    Wait,
)


def retry_policy(message: pb.RetryPolicy, path: str) -> RetryPolicy:
    rules = tuple(_rule(rule, f"{path}.rules[{i}]") for i, rule in enumerate(message.rules))
    return RetryPolicy(rules, message.max_attempts or limits.ATTEMPTS_DEFAULT)


def _rule(message: pb.RetryRule, path: str) -> RetryRule:
    disposition = DISPOSITION.from_message(message.disposition, f"{path}.disposition")
    if bool(message.delays) == message.HasField("backoff"):
        raise invalid_field(path, "needs either delays or backoff")
    if message.HasField("backoff"):
        return RetryRule(disposition, _backoff(message.backoff, f"{path}.backoff"))
    delays = (span(delay, f"{path}.delays[{i}]") for i, delay in enumerate(message.delays))
    return RetryRule(disposition, FixedDelays(tuple(delays)))


def _backoff(message: pb.RetryBackoff, path: str) -> Backoff:
    return Backoff(
        span(message.initial, f"{path}.initial"),
        message.multiplier or limits.RETRY_MULTIPLIER_DEFAULT,
        span(message.cap, f"{path}.cap") if message.HasField("cap") else limits.RETRY_DELAY_MAX,
        message.jitter,
    )


def retry_policy_to_message(policy: RetryPolicy | None) -> pb.RetryPolicy | None:
    if policy is None:
        return None
    return pb.RetryPolicy(
        max_attempts=policy.max_attempts,
        rules=[
            pb.RetryRule(
                disposition=DISPOSITION.to_message(rule.disposition),
                delays=_delays(rule.wait),
                backoff=_backoff_to_message(rule.wait),
            )
            for rule in policy.rules
        ],
    )


def _delays(wait: Wait) -> list[Duration]:
    return [duration(delay) for delay in wait.delays] if isinstance(wait, FixedDelays) else []


def _backoff_to_message(wait: Wait) -> pb.RetryBackoff | None:
    if not isinstance(wait, Backoff):
        return None
    return pb.RetryBackoff(
        initial=duration(wait.initial),
        multiplier=wait.multiplier,
        cap=duration(wait.cap),
        jitter=wait.jitter,
    )
