"""What is to be done with whoever answers."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

ANY_AGENT: Final = frozenset({"https", "wss", "sip"})
"""The schemes of join URLs: a page, a socket, a phone."""

_NO_MORE: Final[Mapping[str, str]] = {}


def answers_itself(join_url: str) -> bool:
    """Whether a page of the agent's is asked; else the carrier connects the call."""
    return urlsplit(join_url).scheme == "https"


def is_phone(join_url: str) -> bool:
    """Whether the agent is at a SIP address; else at a socket."""
    return urlsplit(join_url).scheme in ("sip", "sips")


def connected(join_url: str, call_id: str, more: Mapping[str, str] = _NO_MORE) -> str:
    """To the agent's SIP address or socket; `more` are attributes of the stream."""
    if is_phone(join_url):
        return f"<Response><Dial><Sip>{escape(join_url)}</Sip></Dial></Response>"
    attributes = {"url": join_url, **more}
    written = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    parameter = f'<Parameter name="call_id" value={quoteattr(call_id)}/>'
    return f"<Response><Connect><Stream {written}>{parameter}</Stream></Connect></Response>"
