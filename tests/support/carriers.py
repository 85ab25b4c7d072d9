"""A carrier whose answers a test gives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Never

from outdial_server.domain.carrier_config import ConfigRef, OverRate
from outdial_server.domain.medium import WEBHOOK_CARRIER
from outdial_server.domain.report import CallReport
from outdial_server.ports.carrier import (
    Accepted,
    AccountFault,
    CallbackAnswer,
    CallQuery,
    DialRequest,
    DialResult,
    LookUpFailed,
    LookUpResult,
    RawCallback,
)


async def accept(request: DialRequest) -> DialResult:
    return Accepted(f"CA-{request.call_id}")


async def know_nothing(query: CallQuery) -> LookUpResult:
    return LookUpFailed("NOT_ASKED")


async def never_answer(_: object) -> Never:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody answers")


def say_nothing(callback: RawCallback) -> tuple[CallReport, ...]:
    return ()


class FunctionCarrier:
    """Each method is a function that the test hands in. Requests are kept as they came."""

    def __init__(
        self,
        place: Callable[[DialRequest], Awaitable[DialResult]] = accept,
        look_up: Callable[[CallQuery], Awaitable[LookUpResult]] = know_nothing,
        parse: Callable[[RawCallback], tuple[CallReport, ...]] = say_nothing,
        *,
        hangs_up: bool = True,
    ) -> None:
        self._place = place
        self._look_up = look_up
        self._parse = parse
        self._hangs_up = hangs_up
        self.requests: list[DialRequest] = []
        self.hung_up: list[CallQuery] = []
        # Through which configs it was asked for, and what comes of the next asking.
        self.configs: list[ConfigRef | None] = []
        self.failure: Exception | None = None
        self.fault: AccountFault | None = None

    @property
    def name(self) -> str:
        return "simulated"

    @property
    def default_calls_per_second(self) -> float | None:
        return None

    async def place_call(self, request: DialRequest) -> DialResult:
        self.requests.append(request)
        return await self._place(request)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        return await self._look_up(query)

    @property
    def over_rate(self) -> OverRate:
        return OverRate.QUEUES

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        self.hung_up.append(query)
        return self._hangs_up

    async def check_account(self) -> AccountFault | None:
        return self.fault

    def verify_callback(self, callback: RawCallback) -> bool:
        return True

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        return self._parse(callback)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        return None

    async def registered(
        self, name: str, config: ConfigRef | None = None
    ) -> "FunctionCarrier | None":
        """The registry that holds this carrier alone, for what nobody dials, too."""
        self.configs.append(config)
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        return self if name in (self.name, WEBHOOK_CARRIER) else None
