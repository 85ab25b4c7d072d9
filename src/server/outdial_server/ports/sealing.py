"""Secrets that are kept."""

from typing import Protocol


class UnreadableSecretError(Exception):
    """It was sealed with another key, or it is not what was sealed. The message says which, and
    holds nothing of it."""


class Seal(Protocol):
    """Both methods are pure but for chance, and take microseconds."""

    @property
    def mark(self) -> str:
        """What all that is sealed with the key of now begins with, and nothing else."""
        ...

    def seal(self, text: str, owner: str) -> str:
        """The text encrypted, for `owner` alone: in another one's place it cannot be read. Never
        the same twice."""
        ...

    def unseal(self, sealed: str, owner: str) -> str:
        """Raises UnreadableSecretError."""
        ...
