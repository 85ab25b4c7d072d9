"""Carriers: whoever places a phone call for us.

The one thing that an adapter must get right is what it says of a request that went wrong.
`NotSent` and `Refused` promise that no phone rings. Whatever left the socket without a
clear answer is `Unclear`, and is never sent again on our own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import ConfigRef, OverRate
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.ids import AccountId, BatchId, CallId
from outdial_server.domain.report import CallReport, Fault


@dataclass(frozen=True, slots=True)
class DialRequest:
    """One call to place. `call_id` is ours, and comes back in every callback."""

    call_id: CallId
    account_id: AccountId
    batch_id: BatchId | None
    address: str
    caller_id: str
    ring_timeout: timedelta
    max_duration: timedelta
    template_context_json: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    # Where to connect the call once somebody answers; empty for an agent without one.
    join_url: str = ""
    # Of the batch, for a call that nobody of ours dials.
    webhook: BatchWebhook | None = None
    # Of the carrier's own, passed on as they are.
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier has the call. `carrier_call_id` is its id for it."""

    carrier_call_id: str


THROTTLED: Final = "THROTTLED"
"""The reason of a request that the carrier has turned away because too much is asked of it."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not placed and nobody's fault: no byte left, or turned away unprocessed (429, with the
    reason THROTTLED). The same call may be sent again after `retry_after`; of THROTTLED no
    call of the account may go before."""

    reason: str
    retry_after: timedelta | None = None
    # Not so where the cause is on our side, or the agent's.
    tells_of_carrier: bool = True


RETRY_AFTER_MOST: Final = timedelta(hours=1)
"""A carrier that asks for more is asked again then."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not placed, and sending the same again is no use."""

    reason: str
    fault: Fault
    disposition: Disposition = Disposition.FAILED
    # For how long nobody else of the batch is to be dialled.
    batch_rests: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """Perhaps placed: a time-out, a reset or a 5xx after bytes had left."""

    reason: str
    batch_rests: timedelta | None = None


DialResult = Accepted | NotSent | Refused | Unclear


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which call to look up. `carrier_call_id` is empty when its answer was lost: then
    carriers that cannot be asked for our id are asked for calls from `caller_id` to
    `address` that were made since `sent_at`."""

    call_id: CallId
    carrier_call_id: str
    address: str
    caller_id: str = ""
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The carrier has the call; `report` is how it stands there, None for nothing that
    a report could say. Of one that has ended it says whether a phone has rung (`rang`), where
    the carrier has that on record: nobody is dialled again without it."""

    report: CallReport | None


@dataclass(frozen=True, slots=True)
class NoSuchCall:
    """The carrier answered, and has no such call at this moment."""


@dataclass(frozen=True, slots=True)
class LookUpFailed:
    """The carrier could not be asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class NobodyToAsk:
    """Whoever sees to the call reports what comes of it, and cannot be asked."""


LookUpResult = Found | NoSuchCall | LookUpFailed | NobodyToAsk


@dataclass(frozen=True, slots=True)
class AccountFault:
    """Why an account cannot be used. `is_refusal`: the carrier said so; else it could not be
    asked, and nobody knows."""

    reason: str
    is_refusal: bool


@dataclass(frozen=True, slots=True)
class RawCallback:
    """A callback as it came. `path` is what followed the carrier's callback URL; header
    names are in lower case."""

    carrier: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    # The carrier config whose URL it came to; empty for one of the carrier's own.
    carrier_config: str = ""
    # That of the URL it came to, the last part of the callback URL: an earlier one for calls
    # that were made under another master key. Empty: that of now.
    token: str = ""


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What a carrier that has asked what to do is answered with."""

    content_type: str
    body: bytes


class Carrier(Protocol):
    """One account at a carrier."""

    @property
    def name(self) -> str:
        """The name in `Batch.carrier`, fixed."""
        ...

    @property
    def default_calls_per_second(self) -> float | None:
        """What it takes of an account that has agreed nothing else; None for any rate."""
        ...

    @property
    def over_rate(self) -> OverRate:
        """What it does with calls above its rate."""
        ...

    async def place_call(self, request: DialRequest) -> DialResult:
        """Sends one request, once, and says how it ended. Returns within
        `domain.silence.CARRIER_DEADLINE`. Never raises for what a carrier or a network
        can do; being cancelled counts as Unclear."""
        ...

    async def look_up(self, query: CallQuery) -> LookUpResult:
        """Asks how a call stands. Has no effect on it. Never raises."""
        ...

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        """Asks to end a call. True when the carrier took the request or has no such live
        call; the end itself comes as a report. With `unless_answered`, which is asked of
        carriers that queue calls alone, one that has been answered meanwhile goes on. Never
        raises."""
        ...

    async def check_account(self) -> AccountFault | None:
        """Asks whether the carrier lets us in, by reading something; None when it does. Never
        raises."""
        ...

    def verify_callback(self, callback: RawCallback) -> bool:
        """Whether the callback is the carrier's own, by its signature over the raw body, and
        by its age where the carrier signs a time. Asks nobody."""
        ...

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        """What a verified callback says. Empty for one that says nothing of a call.
        Raises ValueError for one that cannot be read. Pure."""
        ...

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        """What a verified callback is answered with; None for nothing but that it was taken.
        Pure."""
        ...

    async def close(self) -> None:
        """Gives back connections."""
        ...


@dataclass(frozen=True, slots=True)
class ListedCall:
    """A call that a carrier has on record."""

    carrier_call_id: str
    # As the carrier writes the number; empty for one that it tells only later.
    address: str
    is_live: bool
    # As whoever made the call gave it, where the carrier knows it; else empty.
    call_id: str = ""


@runtime_checkable
class ListsCalls(Protocol):
    """A Carrier that can say which calls it made for an account."""

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        """All that were made between these moments, and perhaps some around them. A call whose
        number is not told yet goes on, and is listed with it once it is over. Raises
        UnavailableError (CARRIER_UNAVAILABLE) when it could not be asked for all of them."""
        ...


FindCarrier = Callable[[str, ConfigRef | None], Awaitable[Carrier | None]]
"""The carrier by its name in `Batch.carrier`, as one of the carrier config has it. None where
there is no such carrier, or no account at it that could be opened: why is in the log. Mostly from
memory; raises UnavailableError when the store must be asked and cannot be."""
