"""Erasing what is kept of one number, at the wish of the person behind it."""

from dataclasses import dataclass, fields
from typing import Protocol

from outdial_server.domain.ids import AccountId


@dataclass(frozen=True, slots=True)
class Subject:
    """A number whose person is to be forgotten."""

    # In normal form.
    address: str
    # None: in all accounts.
    account_id: AccountId | None
    # Whether entries of do-not-call lists go, too: without them it may be called again.
    with_suppressions: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went, by kind: `people` of batches stay as rows without a number and all that was
    theirs; `numbers_counted` are calls that rules for numbers had counted, `answers` those
    kept for repeated requests that named the number."""

    people: int = 0
    calls: int = 0
    contacts: int = 0
    numbers_counted: int = 0
    answers: int = 0
    suppressions: int = 0
    # What stays: entries of do-not-call lists; people who are in a call or in a list that is
    # being added; and lists of contacts on their way into a folder, whoever is on them.
    suppressions_kept: int = 0
    people_left: int = 0
    lists_left: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        names = (f.name for f in fields(Forgotten))
        return Forgotten(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True)
class Place:
    """How far an erasure has come: in which step, and behind which key it goes on."""

    step: int = 0
    after: int = -1


@dataclass(frozen=True, slots=True)
class ForgottenSome:
    forgotten: Forgotten
    # None when it has come to the end.
    next_place: Place | None


class ErasureStore(Protocol):
    async def forget(self, subject: Subject, place: Place) -> ForgottenSome:
        """Looks through a group, a few milliseconds of the writer, in one transaction. Who
        waits to be called is taken out of the batch before. Raises NotFoundError
        (ACCOUNT_NOT_FOUND)."""
        ...
