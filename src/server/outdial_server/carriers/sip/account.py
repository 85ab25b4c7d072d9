"""A SIP trunk, or the right to call SIP addresses directly."""

from dataclasses import dataclass, field
from typing import Final

NAME: Final = "sip"
DEFAULT_PORT: Final = 5060


@dataclass(frozen=True, slots=True)
class SipAccount:
    """With a `proxy`, HOST or HOST:PORT, every call goes there; without one each goes to the
    host of its own SIP address."""

    proxy: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    # Of our own address in From; empty means the host that is called.
    from_domain: str = ""
    # The agent is connected before the person's phone rings, and its SDP is offered there.
    agent_first: bool = False
