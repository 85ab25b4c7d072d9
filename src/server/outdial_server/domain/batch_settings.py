"""What a client may write of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from outdial_server.domain import limits
from outdial_server.domain.batch_policies import ConfigErrorPolicy, RetryCallerId, UnknownPolicy
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import CallTimes
from outdial_server.domain.calling_hours import CallingHours
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.retry_policy import RetryPolicy
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.time_zones import UTC_ZONE
from outdial_server.domain.window_estimate import WindowCheck


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """What a client may write of a batch."""

    display_name: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    priority: int = 0
    weight: int = 1
    max_concurrent_calls: int | None = None
    # For all of its calls; else each shows one of its numbers.
    caller_id: str = ""
    # Ids; as a client writes them also E.164 forms. Empty: those of its agent, if any.
    phone_numbers: tuple[str, ...] = ()
    rotation: Rotation = Rotation.RANDOM
    # Its id; as a client writes it also its name. Empty: none.
    throttle: str = ""
    # The same of an account at its carrier.
    carrier_config: str = ""
    unknown_policy: UnknownPolicy = UnknownPolicy.AT_MOST_ONCE
    on_config_error: ConfigErrorPolicy = ConfigErrorPolicy.PAUSE
    ring_timeout: timedelta = limits.RING_TIMEOUT_DEFAULT
    max_call_duration: timedelta = limits.CALL_DURATION_DEFAULT
    # None: nobody is tried twice, unless by hand or by the unknown policy.
    retry_policy: RetryPolicy | None = None
    retry_caller_id: RetryCallerId = RetryCallerId.KEEP
    metadata: Mapping[str, str] = field(default_factory=dict)
    annotations_json: str = ""
    time_zone: str = UTC_ZONE
    calling_hours: CallingHours | None = None
    max_calls_per_day: int | None = None
    pacing: Pacing = Pacing.AS_FAST_AS_POSSIBLE
    # None: as the account's calls have taken lately, or the default.
    expected_call_duration: timedelta | None = None
    window_check: WindowCheck = WindowCheck.WARN
    # Of the carrier's own; as a client writes them under any spelling of their names.
    carrier_params: Params = field(default_factory=dict)
    # What is asked to see to calls that nobody of ours dials.
    webhook: BatchWebhook | None = None

    @property
    def is_spread(self) -> bool:
        """Without a daily cap all of a day are due at its opening."""
        return self.pacing is Pacing.SPREAD_OVER_DAYS and self.max_calls_per_day is not None

    @property
    def window_rules(self) -> tuple[object, ...]:
        """What a window is held against: after a change of it it is checked again."""
        return (
            self.window_start,
            self.window_end,
            self.window_check,
            self.max_concurrent_calls,
            self.throttle,
            self.carrier_config,
            self.time_zone,
            self.calling_hours,
            self.max_calls_per_day,
            self.pacing,
            self.expected_call_duration,
        )

    @property
    def row_rules(self) -> tuple[object, ...]:
        """What row gates judge by: after a change of it they are asked again for whoever
        they have put off."""
        return self.calling_hours, self.time_zone, self.retry_caller_id

    @property
    def call_times(self) -> CallTimes:
        return CallTimes(self.ring_timeout, self.max_call_duration)
