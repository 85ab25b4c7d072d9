"""The request that creates a call over TeXML."""

from typing import Final

import orjson

from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.create import CALL_SECONDS, seconds_within
from outdial_server.carriers.telnyx.texml_params import documented
from outdial_server.carriers.twiml.markup import answers_itself, connected
from outdial_server.ports.carrier import DialRequest

RING_SECONDS: Final = (5, 120)
"""Telnyx takes nothing below and nothing above."""

HEARD: Final = "heard"
"""Below the URL of a call: who answered."""

_STREAM: Final = {"bidirectionalMode": "rtp"}
"""The default sends the agent's voice as files."""


def create_body(account: TelnyxAccount, request: DialRequest, callback_url: str) -> bytes:
    """`callback_url` is that of this call. Raises ParamsError."""
    body: dict[str, object] = {
        "ApplicationSid": account.connection_id,
        "To": request.address,
        "From": request.caller_id,
        "StatusCallback": callback_url,
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": "initiated ringing answered completed",
        "Timeout": seconds_within(RING_SECONDS, request.ring_timeout.total_seconds()),
        "TimeLimit": seconds_within(CALL_SECONDS, request.max_duration.total_seconds()),
    }
    if answers_itself(request.join_url):
        body |= {"Url": request.join_url, "UrlMethod": "POST"}
    else:
        body["Texml"] = connected(request.join_url, request.call_id, _STREAM)
    if account.detect_machines:
        body |= {"MachineDetection": "Enable"}
    body |= documented(request.params)
    if body.get("MachineDetection", "Disable") != "Disable":
        # Else whoever answers hears nothing until it is decided.
        body = {"AsyncAmd": True} | body
        body |= {
            "AsyncAmdStatusCallback": f"{callback_url}/{HEARD}",
            "AsyncAmdStatusCallbackMethod": "POST",
        }
    return orjson.dumps(body)
