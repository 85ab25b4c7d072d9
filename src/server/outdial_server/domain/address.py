"""Addresses to dial: phone numbers in E.164 form and SIP URIs."""

import re
from typing import Final

from outdial_server.domain.limits import SIP_URI_MAX_CHARS

_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_SEPARATORS: Final = re.compile(r"[\s\-.()\u00a0]")
_SIP: Final = re.compile(
    r"(?P<scheme>sips?):(?P<user>[^@\s<>\0]+)@(?P<host>[^@\s<>\0]+)", re.IGNORECASE
)


class AddressError(ValueError):
    """The text is no address that can be dialled; the message says why."""


def clean_phone_number(text: str) -> str:
    """A phone number without the separators that people write; E.164 in form alone,
    since numbers used in documents and tests exist in no numbering plan."""
    cleaned = _SEPARATORS.sub("", text)
    if _E164.fullmatch(cleaned):
        return cleaned
    if not cleaned:
        raise AddressError("is required")
    if re.fullmatch(r"[0-9]+", cleaned):
        raise AddressError("must start with + and the country code (E.164), like +15551230001")
    raise AddressError("must be a phone number in E.164 form, like +15551230001")


def parse_address(text: str) -> tuple[str, str]:
    """The address to dial and the normal form that duplicates are compared by. Phone
    numbers are their own normal form; in a SIP URI scheme and host are in lower case."""
    if _E164.fullmatch(text):
        return text, text
    stripped = text.strip()
    if stripped.lower().startswith(("sip:", "sips:")):
        return stripped, _normal_sip_uri(stripped)
    number = clean_phone_number(stripped)
    return number, number


def _normal_sip_uri(uri: str) -> str:
    match = _SIP.fullmatch(uri)
    if match is None or len(uri) > SIP_URI_MAX_CHARS:
        raise AddressError("must be a SIP URI like sip:+15551230001@trunk.example.net")
    return f"{match['scheme'].lower()}:{match['user']}@{match['host'].lower()}"
