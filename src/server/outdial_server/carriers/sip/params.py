"""A SIP call has no parameters beyond what has a word of its own."""

from typing import Final

from outdial_server.carriers.params import KnownParams

KNOWN: Final = KnownParams(
    "SIP",
    allowed=frozenset(),
    ours={
        "to": "the address of the scheduled call",
        "from": "the caller ID",
        "username": "the carrier config",
        "password": "the carrier config",
    },
    spell=str.lower,
    value_fault=lambda _: "",
)
