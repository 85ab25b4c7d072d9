"""Retry policies as they are stored: a short text, parsed once for all calls that share it."""

from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import orjson

from outdial_server.domain.call import Disposition
from outdial_server.domain.retry_policy import (
    Backoff,
    FixedDelays,
    RetryPolicy,
    RetryRule,
    Wait,
)
from outdial_server.storage.encoding import json_text

_PARSED_MAX: Final = 1024
"""About 1 KiB each; a busy server has far fewer different policies."""


def policy_text(policy: RetryPolicy | None) -> str | None:
    if policy is None:
        return None
    rules = [[int(rule.disposition), _wait_values(rule.wait)] for rule in policy.rules]
    return json_text({"max_attempts": policy.max_attempts, "rules": rules})


def policy_or_none(text: str | None) -> RetryPolicy | None:
    return None if text is None else policy_from(text)


@lru_cache(maxsize=_PARSED_MAX)
def policy_from(text: str) -> RetryPolicy:
    values = orjson.loads(text)
    rules = tuple(RetryRule(Disposition(how), _wait_from(wait)) for how, wait in values["rules"])
    return RetryPolicy(rules, values["max_attempts"])


def _wait_values(wait: Wait) -> Any:
    """Fixed delays are a list, a backoff is an object."""
    if isinstance(wait, FixedDelays):
        return [_seconds(delay) for delay in wait.delays]
    return {
        "initial_s": _seconds(wait.initial),
        "multiplier": wait.multiplier,
        "cap_s": _seconds(wait.cap),
        "jitter": wait.jitter,
    }


def _wait_from(values: Any) -> Wait:
    if isinstance(values, list):
        return FixedDelays(tuple(timedelta(seconds=delay_s) for delay_s in values))
    return Backoff(
        timedelta(seconds=values["initial_s"]),
        values["multiplier"],
        timedelta(seconds=values["cap_s"]),
        values["jitter"],
    )


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
