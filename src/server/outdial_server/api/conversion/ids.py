"""Ids as clients write them."""

from uuid import UUID


def canonical(text: str) -> str:
    """The one spelling under which an id is stored and watched. What is no UUID stays as
    it is, and is not found like any other unknown id."""
    try:
        return str(UUID(text))
    except ValueError:
        return text
