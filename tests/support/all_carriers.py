"""All that may stand behind the Carrier port, each with what it can do: a test says what it needs,
and runs on all that have it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final

import pytest

from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.ports.carrier import Carrier
from support.carrier_lines import SECRET, Line, http_line, local_line
from support.far_plivo import plivo_at, plivo_line
from support.far_sip import sip_line
from support.far_telnyx import telnyx_at, telnyx_line
from support.far_texml import texml_at, texml_line
from support.far_twilio import twilio_at, twilio_line
from support.far_webhook import webhook_at, webhook_line


class Ability(Enum):
    """`test_it_can_do_what_is_said_of_it` holds those that can be seen from outside."""

    # It tells, through the adapter, what becomes of its calls.
    TELLS = auto()
    # It can be asked how a call stands.
    IS_ASKED = auto()
    HANGS_UP = auto()
    # It says by its answer whose fault it is, and when to come again.
    GIVES_REASONS = auto()
    # It tells machines from people.
    LISTENS = auto()
    # It has an API, which fails in ways of its own, and may lose or repeat news.
    HAS_API = auto()
    # Requests and news go by HTTP: either may overtake the other.
    SPEAKS_HTTP = auto()
    # It takes calls above its rate, and dials them later.
    QUEUES = auto()
    # It says which calls it has made.
    LISTS = auto()


_TELEPHONY: Final = {Ability.TELLS, Ability.IS_ASKED, Ability.HANGS_UP, Ability.GIVES_REASONS}
_AT_A_CARRIER: Final = _TELEPHONY | {Ability.LISTENS, Ability.HAS_API, Ability.LISTS}
_OVER_HTTP: Final = _AT_A_CARRIER | {Ability.SPEAKS_HTTP}


OpenAdapter = Callable[[str, str, timedelta], Carrier]
"""To a URL, for callbacks to another, with a deadline."""


@dataclass(frozen=True)
class Subject:
    """`line` opens one with a far end of a profile; `at` is the adapter alone."""

    name: str
    abilities: frozenset[Ability]
    line: Callable[..., AbstractAsyncContextManager[Line]]
    at: OpenAdapter | None = None


def simulated_at(url: str, callback_url: str, deadline: timedelta) -> HttpSimulatedCarrier:
    return HttpSimulatedCarrier(url, SECRET, callback_url, deadline)


CARRIERS: Final = (
    Subject("local", frozenset(_AT_A_CARRIER | {Ability.QUEUES}), local_line),
    Subject("http", frozenset(_OVER_HTTP | {Ability.QUEUES}), http_line, simulated_at),
    Subject("twilio", frozenset(_OVER_HTTP | {Ability.QUEUES}), twilio_line, twilio_at),
    Subject("telnyx", frozenset(_OVER_HTTP), telnyx_line, telnyx_at),
    Subject("texml", frozenset(_OVER_HTTP), texml_line, texml_at),
    Subject("plivo", frozenset(_OVER_HTTP | {Ability.QUEUES}), plivo_line, plivo_at),
    Subject("sip", frozenset(_TELEPHONY), sip_line),
    Subject("webhook", frozenset({Ability.HAS_API, Ability.SPEAKS_HTTP}), webhook_line, webhook_at),
)


def on_carriers(*needed: Ability) -> pytest.MarkDecorator:
    """On each that can do all of this; the argument is called `carrier`."""
    found = [one for one in CARRIERS if one.abilities.issuperset(needed)]
    assert found
    return pytest.mark.parametrize("carrier", found, ids=lambda one: one.name)
