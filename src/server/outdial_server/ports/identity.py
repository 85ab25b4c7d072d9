"""Ids, secrets and chance."""

from collections.abc import Sequence
from typing import Protocol


class IdSource(Protocol):
    def new_id(self) -> str:
        """A UUID (version 7) as text, unique, and greater than those given before by
        this source."""
        ...

    def new_ids(self, count: int) -> Sequence[str]:
        """`count` ids, in order."""
        ...

    def new_secret(self, chars: int) -> str:
        """Unguessable text of `chars` letters and digits."""
        ...

    def draw(self) -> float:
        """A number from 0 to below 1, each as likely as the others."""
        ...
