"""Retry rules as they are typed, `no-answer=15m,1h`, and in words."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import typer
from outdial.v1 import retry_policy_pb2 as messages
from outdial.v1.scheduled_call_pb2 import Disposition

from outdial_client._retry_policy import RetryBackoff, RetryPolicy
from outdial_client.cli._choices import DISPOSITIONS
from outdial_client.cli._lengths import length, parse_length

_GROWING: Final = re.compile(
    r"(?P<initial>[^.]+)\.\.(?P<cap>\w+?)(?:x(?P<times>[\d.]+))?(?:~(?P<jitter>[\d.]+))?"
)


def parse_retry_policy(words: list[str] | None, max_attempts: int | None) -> RetryPolicy | None:
    """Of `--retry` and `--max-attempts`; None when nothing was said."""
    if not words:
        if max_attempts is not None:
            raise typer.BadParameter("--max-attempts is for --retry: say after which ends")
        return None
    rules: dict[Disposition.ValueType, Sequence[timedelta] | RetryBackoff] = {}
    for word in words:
        how, equals, waits = word.partition("=")
        if not equals or not waits:
            raise typer.BadParameter(f"{word!r} is not of the form no-answer=15m,1h")
        disposition = Disposition.ValueType(DISPOSITIONS.parse(how))
        if disposition in rules:
            raise typer.BadParameter(f"{how} is there twice; write {how}=5m,1h")
        rules[disposition] = _parse_waits(waits)
    return RetryPolicy(rules=rules, max_attempts=max_attempts or 0)


def _parse_waits(text: str) -> Sequence[timedelta] | RetryBackoff:
    growing = _GROWING.fullmatch(text)
    if growing is None:
        return [parse_length(word) for word in text.split(",")]
    try:
        return RetryBackoff(
            initial=parse_length(growing["initial"]),
            multiplier=float(growing["times"] or 2),
            cap=parse_length(growing["cap"]),
            jitter=float(growing["jitter"] or 0),
        )
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not of the form 5m..2h, 5m..2hx3~0.2") from None


def retry_words(policy: messages.RetryPolicy) -> str:
    """A policy in one text, its rules as they are typed; empty for none."""
    if not policy.rules:
        return ""
    rules = [f"{DISPOSITIONS.word(rule.disposition)}={_waits(rule)}" for rule in policy.rules]
    return f"{' '.join(rules)}, {policy.max_attempts} tries at most"


def _waits(rule: messages.RetryRule) -> str:
    if not rule.HasField("backoff"):
        return ",".join(length(delay) for delay in rule.delays)
    backoff = rule.backoff
    times = "" if backoff.multiplier == 2 else f"x{backoff.multiplier:g}"
    jitter = f"~{backoff.jitter:g}" if backoff.jitter else ""
    return f"{length(backoff.initial)}..{length(backoff.cap)}{times}{jitter}"
