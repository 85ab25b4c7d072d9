"""`X-Idempotency-Key`: the same request again makes nothing new.

A key stands for one method, path and body: with another body it is another request, and no
conflict. What is answered to a repetition is what was made, as it is by then.
"""

import hashlib
import json
from typing import Annotated, Final

from fastapi import Header
from starlette.requests import Request

HEADER: Final = "X-Idempotency-Key"

IdempotencyKey = Annotated[str, Header(alias=HEADER)]
"""For the document; see `Repeatable`."""


class Repeatable:
    """A request whose body is read in parts."""

    def __init__(self, request: Request) -> None:
        self._key = request.headers.get(HEADER, "")
        self._hash = hashlib.sha256()
        self.read([self._key, request.method, request.url.path, request.url.query])

    def read(self, part: object) -> None:
        """Of equal JSON, whatever the order of its names."""
        if self._key:
            text = json.dumps(part, sort_keys=True).encode()
            self._hash.update(len(text).to_bytes(8))
            self._hash.update(text)

    @property
    def request_id(self) -> str:
        """Of what was read so far; empty without a key."""
        return self._hash.hexdigest() if self._key else ""
