"""How a call reaches its person: a carrier of ours dials, or the webhook of the batch is told and
somebody else sees to it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Medium(IntEnum):
    """The numbers are stored."""

    OUTGOING = 1
    # Nobody is dialled by us.
    WEBHOOK = 2


WEBHOOK_CARRIER: Final = "webhook"
"""In place of a carrier's name, for calls of the medium WEBHOOK."""


def carrier_of(medium: Medium, of_batch: str) -> str:
    return WEBHOOK_CARRIER if medium is Medium.WEBHOOK else of_batch


@dataclass(frozen=True, slots=True)
class MediumRule:
    """Which media the people of a batch may have."""

    has_webhook: bool = False
    # Whether the batch was made with a carrier.
    can_dial: bool = True
    # Of those who have none of their own.
    usual: Medium = Medium.OUTGOING

    def fault(self, asked: Medium, *, has_config: bool = False) -> str:
        """Why a person cannot have it, who names a carrier config or does not; empty where there
        is nothing against it."""
        if asked is Medium.WEBHOOK and not self.has_webhook:
            return "WEBHOOK needs a batch with a webhook_url"
        if asked is Medium.OUTGOING and not (self.can_dial or has_config):
            return "OUTGOING needs a carrier, and the batch was made without one"
        return ""


ANY_MEDIUM: Final = MediumRule(has_webhook=True)
