"""The request that creates a call, and what its refusals mean."""

import re
from math import ceil
from typing import Final
from urllib.parse import urlencode

import orjson

from outdial_server.carriers.answers import field
from outdial_server.carriers.plivo.account import PlivoAccount
from outdial_server.carriers.plivo.params import documented
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import Fault
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import DialRequest, Refused

RING, ANSWER, HANGUP, MACHINE = "ring", "answer", "hangup", "machine"
"""What is told, by the last part of the URL to which it is posted."""

JOIN_URL: Final = "join"
"""In the query of the answer URL: Plivo asks what to do with whoever answers, and gives it
back. Its signature covers the query."""


def create_body(account: PlivoAccount, request: DialRequest, callback_url: str) -> bytes:
    """`callback_url` is that of this call. Raises ParamsError."""
    answer_url = f"{callback_url}/{ANSWER}?{urlencode({JOIN_URL: request.join_url})}"
    body: dict[str, object] = {
        "to": request.address,
        "from": request.caller_id,
        "answer_url": answer_url,
        "answer_method": "POST",
        "ring_url": f"{callback_url}/{RING}",
        "ring_method": "POST",
        "hangup_url": f"{callback_url}/{HANGUP}",
        "hangup_method": "POST",
        "ring_timeout": ceil(request.ring_timeout.total_seconds()),
        "time_limit": ceil(request.max_duration.total_seconds()),
    }
    if account.detect_machines:
        body["machine_detection"] = "true"
    body |= documented(request.params)
    if "machine_detection" in body:
        # Else whoever answers hears nothing until it is decided.
        body["machine_detection_url"] = f"{callback_url}/{MACHINE}"
        body["machine_detection_method"] = "POST"
    return orjson.dumps(body)


_NAMED_FIRST: Final = re.compile(r"\W*(to|from|answer_url)\b", re.IGNORECASE)
"""Plivo has words for its refusals, and no codes. Those of a parameter begin with its name."""


def known_refusal(answer: Answer) -> Refused | None:
    error = field(answer, "error")
    named = _NAMED_FIRST.match(error) if isinstance(error, str) else None
    if named is None:
        return None
    name = named[1].lower()
    reason = f"PLIVO_{name.upper()}"
    if name == "to":
        return Refused(reason, Fault.CALL, Disposition.INVALID_NUMBER)
    return Refused(reason, Fault.CALLER_ID if name == "from" else Fault.CONFIGURATION)
