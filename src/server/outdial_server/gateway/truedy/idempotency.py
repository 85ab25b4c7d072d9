"""`X-Idempotency-Key`: the same request again is answered as the first one, and makes nothing.

With another body under the same key it is another request, and no conflict.
"""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Header
from starlette.requests import Request

from outdial_server.gateway.replays import ReplayRules
from outdial_server.gateway.truedy.asked import PREFIX
from outdial_server.gateway.truedy.errors import VOICE

HEADER: Final = "X-Idempotency-Key"

IdempotencyKey = Annotated[str, Header(alias=HEADER)]
"""For the document: it is looked at before a route runs."""

_PATHS: Final = frozenset({f"{PREFIX}/batch-calls", f"{PREFIX}/calls", f"{PREFIX}/agents"})
_KEPT: Final = timedelta(days=7)


def _key_of(request: Request) -> str:
    is_taken = request.method == "POST" and request.url.path in _PATHS
    return request.headers.get(HEADER, "") if is_taken else ""


REPLAYS: Final = ReplayRules(
    surface="truedy",
    key_of=_key_of,
    key_name=HEADER,
    refuse=VOICE.refused,
    is_kept=lambda status: status < 300,
    kept=_KEPT,
    is_per_body=True,
)
