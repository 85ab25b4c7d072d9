"""Checks of the settings of a batch."""

from datetime import datetime, timedelta

from outdial_server.domain import limits
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.checks import NO_ZONE, Checks
from outdial_server.domain.retry_policy import (
    RETRYABLE_DISPOSITIONS,
    Backoff,
    FixedDelays,
    RetryPolicy,
    RetryRule,
)
from outdial_server.domain.time_zones import known_zones


def check_batch_settings(
    checks: Checks, settings: BatchSettings, now: datetime, *, end_is_new: bool = True
) -> None:
    """`end_is_new`: a window end that was there before may lie in the past by now."""
    checks.text("display_name", settings.display_name, limits.BATCH_NAME_MAX_CHARS, least=1)
    checks.number("priority", settings.priority, 0, limits.PRIORITY_MAX)
    checks.number("weight", settings.weight, 1, limits.WEIGHT_MAX)
    checks.number(
        "max_concurrent_calls", settings.max_concurrent_calls, 1, limits.CONCURRENT_CALLS_MAX
    )
    checks.number("max_calls_per_day", settings.max_calls_per_day, 1, limits.CALLS_PER_DAY_MAX)
    checks.ring_timeout(settings.ring_timeout)
    checks.max_call_duration(settings.max_call_duration)
    if settings.expected_call_duration is not None:
        checks.duration(
            "expected_call_duration",
            settings.expected_call_duration,
            limits.CALL_DURATION_MIN,
            limits.CALL_DURATION_MAX,
        )
    checks.metadata("metadata", settings.metadata)
    checks.json_object("annotations", settings.annotations_json, limits.ANNOTATIONS_MAX_BYTES)
    checks.carrier_params(settings.carrier_params)
    if settings.retry_policy is not None:
        _check_retry_policy(checks, settings.retry_policy)
    _check_window(checks, settings, now, end_is_new)
    if settings.time_zone not in known_zones():
        checks.fault("time_zone", NO_ZONE)


def check_start_ahead(
    checks: Checks, settings: BatchSettings, now: datetime, ahead: timedelta | None
) -> None:
    """`ahead` is how far ahead the start of a window may lie; None: any time."""
    start = settings.window_start
    if ahead is not None and start is not None and start - now > ahead:
        checks.fault("window_start", f"must not be more than {ahead.days} days ahead")


def _check_window(checks: Checks, settings: BatchSettings, now: datetime, end_is_new: bool) -> None:
    start, end = settings.window_start, settings.window_end
    if end is None:
        return
    if start is not None and end <= start:
        checks.fault("window_end", "must be after window_start")
    elif end_is_new and end <= now:
        checks.fault("window_end", "must be in the future")


def _check_retry_policy(checks: Checks, policy: RetryPolicy) -> None:
    checks.number("retry_policy.max_attempts", policy.max_attempts, 1, limits.ATTEMPTS_MAX)
    if not policy.rules:
        checks.fault(
            "retry_policy.rules", "needs at least one rule; without a policy nobody is retried"
        )
    seen = set()
    for index, rule in enumerate(policy.rules):
        path = f"retry_policy.rules[{index}]"
        if rule.disposition in seen:
            checks.fault(f"{path}.disposition", f"{rule.disposition.name} has a rule already")
        seen.add(rule.disposition)
        _check_retry_rule(checks, path, rule)


def _check_retry_rule(checks: Checks, path: str, rule: RetryRule) -> None:
    if rule.disposition not in RETRYABLE_DISPOSITIONS:
        names = ", ".join(d.name for d in RETRYABLE_DISPOSITIONS)
        checks.fault(f"{path}.disposition", f"must be one of {names}")
    if isinstance(rule.wait, FixedDelays):
        _check_delays(checks, f"{path}.delays", rule.wait)
    else:
        _check_backoff(checks, f"{path}.backoff", rule.wait)


def _check_delays(checks: Checks, path: str, wait: FixedDelays) -> None:
    most = limits.ATTEMPTS_MAX - 1
    if not 1 <= len(wait.delays) <= most:
        checks.fault(path, f"must be 1 to {most} delays")
    for index, delay in enumerate(wait.delays):
        _check_retry_delay(checks, f"{path}[{index}]", delay)


def _check_backoff(checks: Checks, path: str, wait: Backoff) -> None:
    _check_retry_delay(checks, f"{path}.initial", wait.initial)
    _check_retry_delay(checks, f"{path}.cap", wait.cap)
    if wait.cap < wait.initial:
        checks.fault(f"{path}.cap", "must not be shorter than initial")
    # Written so that a number that is none is a fault, too.
    if not 1 <= wait.multiplier <= limits.RETRY_MULTIPLIER_MAX:
        checks.fault(f"{path}.multiplier", f"must be from 1 to {limits.RETRY_MULTIPLIER_MAX:.0f}")
    if not 0 <= wait.jitter <= 1:
        checks.fault(f"{path}.jitter", "must be from 0 to 1")


def _check_retry_delay(checks: Checks, path: str, delay: timedelta) -> None:
    checks.duration(path, delay, limits.RETRY_DELAY_MIN, limits.RETRY_DELAY_MAX)
