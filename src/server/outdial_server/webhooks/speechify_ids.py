"""Ids as Speechify writes them."""

import re
from typing import Final
from uuid import UUID

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARS: Final = 26
# 26 digits of 5 bits hold 130, and a UUID has 128.
_DIGITS: Final = re.compile(f"[0-7][{_ALPHABET}]{{{_CHARS - 1}}}")


def speechify_id(prefix: str, id_: str) -> str:
    """A UUID in their form: a prefix and 26 characters of Crockford's base32."""
    number = UUID(id_).int
    digits = (_ALPHABET[number >> (5 * place) & 31] for place in reversed(range(_CHARS)))
    return f"{prefix}_{''.join(digits)}"


def uuid_from(prefix: str, text: str) -> str:
    """The UUID that `speechify_id` writes so; empty for any other text."""
    found, _, digits = text.partition("_")
    if found != prefix or not _DIGITS.fullmatch(digits):
        return ""
    number = 0
    for digit in digits:
        number = number << 5 | _ALPHABET.index(digit)
    return str(UUID(int=number))
