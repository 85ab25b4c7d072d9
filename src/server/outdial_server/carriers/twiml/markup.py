"""What is to be done with whoever answers."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

_NO_MORE: Final[Mapping[str, str]] = {}


def answers_itself(join_url: str) -> bool:
    """Whether a page of the agent's is asked; else there is a socket to connect to."""
    return urlsplit(join_url).scheme == "https"


def connected(join_url: str, call_id: str, more: Mapping[str, str] = _NO_MORE) -> str:
    """`more` are attributes of the stream."""
    attributes = {"url": join_url, **more}
    written = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    parameter = f'<Parameter name="call_id" value={quoteattr(call_id)}/>'
    return f"<Response><Connect><Stream {written}>{parameter}</Stream></Connect></Response>"
