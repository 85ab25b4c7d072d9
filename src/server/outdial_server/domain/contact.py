"""Contacts: people who are kept to be called from more than one batch."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.address import AddressError, parse_address
from outdial_server.domain.call import Disposition
from outdial_server.domain.checks import NO_NUL, NO_ZONE, Checks
from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.ids import AccountId, ContactFolderId, ContactId


@dataclass(slots=True)
class ContactFields:
    """What a client may write of a contact. Not frozen, like `RawRow`: lists of them are
    long. `normalized_address` is there after `checked_contact`."""

    address: str
    normalized_address: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    company_name: str = ""
    industry: str = ""
    location: str = ""
    postal_code: str = ""
    keywords: tuple[str, ...] = ()
    time_zone: str = ""
    custom_fields_json: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class NewContact:
    """A row of an import, checked. `number` is the one that its sender counts it by. Not
    frozen, like `ContactFields`."""

    number: int
    fields: ContactFields

    @property
    def normalized_address(self) -> str:
        return self.fields.normalized_address

    @property
    def contact_id(self) -> str:
        return ""


def overwritten(before: ContactFields, row: ContactFields) -> ContactFields:
    """A contact after an import has overwritten it: what the row says takes the place, what
    it leaves empty stays."""
    said = {name: value for name in _PLAIN if (value := getattr(row, name))}
    return replace(
        before,
        **said,
        custom_fields_json=_joined(before.custom_fields_json, row.custom_fields_json),
        metadata={**before.metadata, **row.metadata},
    )


def faults_of_overwriting(after: ContactFields) -> Sequence[FieldViolation]:
    """Both may be within their bounds, and together beyond them."""
    checks = Checks()
    checks.json_object("custom_fields", after.custom_fields_json, limits.CUSTOM_FIELDS_MAX_BYTES)
    checks.metadata("metadata", after.metadata)
    return checks.violations


_PLAIN: Final = (
    "address",
    "first_name",
    "last_name",
    "email",
    "company_name",
    "industry",
    "location",
    "postal_code",
    "keywords",
    "time_zone",
)


def _joined(before: str, after: str) -> str:
    """Objects in JSON, by the names in them."""
    if not (before and after):
        return before or after
    both = {**json.loads(before), **json.loads(after)}
    return json.dumps(both, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class ContactCalls:
    """What became of the calls to a contact that have ended."""

    count: int = 0
    last_at: datetime | None = None
    last_disposition: Disposition | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    contact_id: ContactId
    account_id: AccountId
    contact_folder_id: ContactFolderId
    fields: ContactFields
    calls: ContactCalls
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ContactSelection:
    """Contacts to copy into a batch. Each id is there once."""

    folder_ids: tuple[ContactFolderId, ...] = ()
    contact_ids: tuple[ContactId, ...] = ()


NO_CONTACTS: Final = ContactSelection()


_MOST_CHARS: Final = {
    "first_name": limits.CONTACT_NAME_MAX_CHARS,
    "last_name": limits.CONTACT_NAME_MAX_CHARS,
    "email": limits.CONTACT_EMAIL_MAX_CHARS,
    "company_name": limits.CONTACT_TEXT_MAX_CHARS,
    "industry": limits.CONTACT_TEXT_MAX_CHARS,
    "location": limits.CONTACT_TEXT_MAX_CHARS,
    "postal_code": limits.CONTACT_TEXT_MAX_CHARS,
}


def checked_contact(
    checks: Checks, fields: ContactFields, known_zones: frozenset[str]
) -> ContactFields:
    """The contact with its address cleaned and in normal form; as it came where `checks`
    has found a fault."""
    address, normalized = fields.address, ""
    try:
        address, normalized = parse_address(fields.address)
    except AddressError as error:
        checks.fault("address", str(error))
    for name, most in _MOST_CHARS.items():
        checks.text(name, getattr(fields, name), most)
    _check_keywords(checks, fields.keywords)
    if fields.time_zone and fields.time_zone not in known_zones:
        checks.fault("time_zone", NO_ZONE)
    checks.json_object("custom_fields", fields.custom_fields_json, limits.CUSTOM_FIELDS_MAX_BYTES)
    checks.metadata("metadata", fields.metadata)
    return replace(fields, address=address, normalized_address=normalized)


def _check_keywords(checks: Checks, keywords: Sequence[str]) -> None:
    checks.at_most("keywords", len(keywords), limits.CONTACT_KEYWORDS_MAX)
    for index, keyword in enumerate(keywords):
        if not 0 < len(keyword) <= limits.CONTACT_KEYWORD_MAX_CHARS:
            most = limits.CONTACT_KEYWORD_MAX_CHARS
            checks.fault(f"keywords[{index}]", f"must have 1 to {most} characters")
        elif "\0" in keyword:
            checks.fault(f"keywords[{index}]", NO_NUL)


_BETWEEN: Final = "\n"
"""Stands between what is searched in; no word has one."""

_NUMBER: Final = re.compile(r"\+?[0-9][0-9\-.()]*")
_SEPARATORS: Final = re.compile(r"[\-.()]")


def search_text(fields: ContactFields) -> str:
    """What the words of a search are looked for in."""
    told = (fields.first_name, fields.last_name, fields.email, fields.normalized_address)
    return _BETWEEN.join(text.casefold() for text in told if text)


def search_words(text: str) -> tuple[str, ...]:
    """The words that must all be somewhere in a contact's search text. A number is looked
    for without the separators that people write."""
    words = (word.casefold() for word in text.split())
    return tuple(_SEPARATORS.sub("", w) if _NUMBER.fullmatch(w.lstrip("(")) else w for w in words)
