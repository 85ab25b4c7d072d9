"""Cells that stay text when a spreadsheet opens the file."""

import unicodedata
from string import ascii_letters, digits

from outdial_client._phone import is_e164

# What starts a formula, in the forms that some spreadsheets fold to these, and what is
# passed over in front of one.
_STARTS = frozenset("=+-@\t\r\n")
# What nearly all cells start with, and no formula.
_PLAIN_STARTS = frozenset(ascii_letters + digits + "[{")


def safe_cell(text: str) -> str:
    """The text, with an apostrophe in front if a spreadsheet would run it as a formula.

    A phone number in E.164 form stays as it is: a plus and digits compute nothing.
    """
    if not text or text[0] in _PLAIN_STARTS or is_e164(text):
        return text
    return f"'{text}" if _may_be_run(text) else text


def _may_be_run(text: str) -> bool:
    if text[0] in _STARTS:
        return True
    first = next((char for char in text if not _is_passed_over(char)), "")
    return bool(first) and unicodedata.normalize("NFKC", first)[0] in _STARTS


def _is_passed_over(char: str) -> bool:
    # Blanks, control and invisible format characters.
    return char.isspace() or unicodedata.category(char) in ("Cc", "Cf")
