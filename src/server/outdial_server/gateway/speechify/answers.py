"""Answers as JSON."""

from typing import Any

import orjson
from starlette.responses import Response


def answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
