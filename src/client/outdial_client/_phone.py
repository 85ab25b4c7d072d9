"""Phone numbers as people write them into lists."""

import re
import unicodedata

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_SIP = re.compile(r"sips?:\S+", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s\-‐-―.()\[\]/]")  # noqa: RUF001 - dashes as word processors write them
_ROUNDED = re.compile(r"[0-9.,]+E\+?[0-9]+", re.IGNORECASE)


def is_e164(text: str) -> bool:
    """Whether it is `+` and 2 to 15 digits, and nothing else."""
    return _E164.fullmatch(text) is not None


def clean_phone(text: str) -> str:
    """A number without blanks, hyphens, dots and brackets; a SIP URI without blanks around."""
    if is_e164(text):
        return text
    # Numbers copied from address books carry invisible direction marks.
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf").strip()
    if _SIP.match(visible):
        return visible
    return _SEPARATORS.sub("", visible.removeprefix("'"))


def phone_problem(text: str) -> str:
    """Why a cell is no phone number that can be called; empty when it is one."""
    phone = clean_phone(text)
    if not phone:
        return "is empty"
    if is_e164(phone) or _SIP.fullmatch(phone):
        return ""
    if _ROUNDED.fullmatch(text.strip()):
        return "was rounded by a spreadsheet: format the column as text"
    odd = next((char for char in phone.removeprefix("+") if not "0" <= char <= "9"), "")
    if odd:
        return f"has {odd!r} in it, which is no part of a number"
    if phone.startswith("00"):
        return "starts with 00: write + and the country code"
    if not phone.startswith("+"):
        return "lacks + and the country code"
    if phone.startswith("+0"):
        return "starts with +0, which no country has"
    return "is too short" if len(phone) < 3 else "has more than 15 digits"
