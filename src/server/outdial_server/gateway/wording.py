"""What is wrong with a request, in the words of those who sent it: another field that a fault names
is spelt as their dialect spells it."""

import re
from collections.abc import Callable
from typing import Final

from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.scheduled_call_pb2 import ScheduledCall

_FIELDS: Final = frozenset(
    name for message in (Agent, Batch, ScheduledCall) for name in message.DESCRIPTOR.fields_by_name
)

_WORD: Final = re.compile(r"'[^']*'|\b[a-z]+(?:_[a-z]+)+\b")
"""What stands in quotes was given by somebody, and stays."""


def reworded(text: str, spelling: Callable[[str], str]) -> str:
    """`spelling` is asked for fields of the contract alone."""
    return _WORD.sub(lambda word: spelling(word[0]) if word[0] in _FIELDS else word[0], text)
