"""CreateThrottle and UpdateThrottle."""

from collections.abc import Callable
from dataclasses import dataclass

from outdial_server.domain.checks import Checks
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, ThrottleId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.throttle import Throttle, ThrottleFields, check_throttle
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.throttles import ThrottleStore


@dataclass(frozen=True, slots=True)
class CreateThrottle:
    throttles: ThrottleStore
    ids: IdSource

    async def execute(
        self, account_id: AccountId, fields: ThrottleFields, request: RequestKey | None
    ) -> Throttle:
        """Raises InvalidFieldsError, AlreadyExistsError (THROTTLE_NAME_TAKEN,
        REQUEST_ID_REUSED)."""
        checks = Checks("throttle.")
        check_throttle(checks, fields)
        checks.raise_if_any()
        throttle_id = ThrottleId(self.ids.new_id())
        return await self.throttles.create_throttle(account_id, throttle_id, fields, request)


@dataclass(frozen=True, slots=True)
class UpdateThrottle:
    throttles: ThrottleStore
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        throttle_id: ThrottleId,
        change: Callable[[ThrottleFields], ThrottleFields],
        etag: str = "",
    ) -> Throttle:
        """`change` writes what the client's mask names over the present fields. Raises
        InvalidFieldsError, NotFoundError (THROTTLE_NOT_FOUND), AlreadyExistsError
        (THROTTLE_NAME_TAKEN), ConflictError (ETAG_MISMATCH)."""

        def decide(throttle: Throttle) -> ThrottleFields:
            check_etag(etag, throttle.revision)
            fields = change(throttle.fields)
            checks = Checks("throttle.")
            check_throttle(checks, fields)
            checks.raise_if_any()
            return fields

        throttle = await self.throttles.change_throttle(account_id, throttle_id, decide)
        # A wider rule makes room.
        self.signals.wake(Topic.CLAIM)
        return throttle
