"""Ids as clients write them."""

from uuid import UUID

from outdial_server.domain.errors import invalid_field


def canonical(text: str) -> str:
    """The one spelling under which an id is stored and watched. What is no UUID stays as
    it is, and is not found like any other unknown id."""
    try:
        return str(UUID(text))
    except ValueError:
        return text


def required_id(text: str, path: str) -> str:
    """Raises InvalidFieldsError when there is none."""
    if not text:
        raise invalid_field(path, "is required")
    return canonical(text)
