"""Call throttles."""

from outdial.v1.throttle_pb2 import Throttle
from outdial.v1.throttle_service_pb2 import (
    GetThrottleRequest,
    GetThrottleResponse,
    ListThrottlesRequest,
    ListThrottlesResponse,
)

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller, RpcRefusedError


async def named_throttle(asks: Caller, said: str) -> Throttle:
    """By its name or its id. Raises InvalidFieldsError for `throttle`."""
    request = ListThrottlesRequest(display_name=said, page_size=1)
    for found in (await asks.ask(request, ListThrottlesResponse)).throttles:
        return found
    try:
        told = await asks.ask(GetThrottleRequest(throttle_id=said), GetThrottleResponse)
    except RpcRefusedError:
        raise invalid_field("throttle", "There is no such throttle.") from None
    return told.throttle
