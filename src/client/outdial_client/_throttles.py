"""Throttles."""

from collections.abc import Iterable
from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import throttle_service_pb2 as messages
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule
from outdial.v1.throttle_service_pb2_grpc import ThrottleServiceStub

from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender
from outdial_client._times import to_duration


class Throttles:
    """Limits of how fast batches are dialled, shared by all that name one."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = ThrottleServiceStub(channel)
        self._send = sender.send

    async def create(
        self,
        display_name: str,
        rules: Iterable[tuple[int, timedelta]],
        *,
        request_id: str = "",
    ) -> Throttle:
        """Makes a throttle; AlreadyExistsError when the name is taken.

        Each rule is a number of calls and the window that holds them at most: 1 s to
        24 h, and it slides. All rules hold at once.
        """
        throttle = Throttle(
            display_name=display_name,
            rules=[
                ThrottleRule(max_calls=calls, window=to_duration(window)) for calls, window in rules
            ],
        )
        request = messages.CreateThrottleRequest(throttle=throttle, request_id=request_id)
        return (await self._send(self._stub.CreateThrottle, request)).throttle

    async def get(self, throttle_id: str) -> Throttle:
        """One throttle, by its id."""
        request = messages.GetThrottleRequest(throttle_id=throttle_id)
        return (await self._send(self._stub.GetThrottle, request)).throttle

    async def find(self, display_name: str) -> Throttle | None:
        """The throttle of exactly this name, if there is one."""
        return await self.list(display_name=display_name).first()

    def list(
        self,
        *,
        display_name: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Throttle]:
        """Throttles, oldest first."""

        async def fetch(page_token: str) -> Page[Throttle]:
            request = messages.ListThrottlesRequest(
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
                display_name=display_name,
            )
            response = await self._send(self._stub.ListThrottles, request)
            return Page(response.throttles, response.next_page_token)

        return Pager(fetch)

    async def update(self, throttle: Throttle, fields: Iterable[str]) -> Throttle:
        """Writes those `fields` of `throttle`; AbortedError when its etag is out of date."""
        request = messages.UpdateThrottleRequest(
            throttle=throttle, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateThrottle, request)).throttle

    async def delete(self, throttle_id: str) -> None:
        """Deletes a throttle that no unfinished batch names."""
        request = messages.DeleteThrottleRequest(throttle_id=throttle_id)
        await self._send(self._stub.DeleteThrottle, request)
