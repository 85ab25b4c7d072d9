"""Resume tokens as text."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, Reason


def text_of(packed: bytes) -> str:
    return urlsafe_b64encode(packed).decode().rstrip("=")


def bytes_of(token: str) -> bytes:
    """Raises InvalidFieldsError (RESUME_TOKEN_INVALID)."""
    try:
        packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise invalid_token("is not one that a watch gave") from None
    # The decoder passes over letters that are none of its own, and spare bits.
    if text_of(packed) != token:
        raise invalid_token("is not one that a watch gave")
    return packed


def invalid_token(description: str) -> InvalidFieldsError:
    violation = FieldViolation("resume_token", description)
    return InvalidFieldsError([violation], Reason.RESUME_TOKEN_INVALID)
