"""What the columns of a CSV file of contacts mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from outdial_client._csv_columns import METADATA, PHONE_COLUMNS, CsvRow, below
from outdial_client._inputs import NewContact
from outdial_client._phone import clean_phone

_OWN_FIELDS = "custom_fields."
_USUAL: Mapping[str, Sequence[str]] = {
    "address": PHONE_COLUMNS,
    "first_name": ("first_name", "firstname", "fname", "name"),
    "last_name": ("last_name", "lastname", "lname"),
    "email": ("email", "email_address"),
    "company_name": ("company", "company_name"),
    "industry": ("industry",),
    "location": ("location", "city"),
    "postal_code": ("postal_code", "pin_code", "pincode"),
    "keywords": ("keywords", "tags"),
    "time_zone": ("time_zone", "timezone"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactColumns:
    """Which column holds what, by its name in the first line.

    Case, blanks, hyphens and underscores in a name do not matter. What is left
    empty is looked for under its usual names; every column that means nothing else
    becomes an own field under its own name.
    """

    phone: str = ""
    """Else `phone`, `phone_number`, `mobile`, `mobile_number`, `number` or `address`."""
    first_name: str = ""
    """Else `first_name`, `firstname`, `fname`; or `name`, with all that is in it."""
    last_name: str = ""
    """Else `last_name`, `lastname` or `lname`."""
    email: str = ""
    """Else `email` or `email_address`."""
    company_name: str = ""
    """Else `company` or `company_name`."""
    industry: str = ""
    location: str = ""
    """Else `location` or `city`."""
    postal_code: str = ""
    """Else `postal_code`, `pin_code` or `pincode`."""
    keywords: str = ""
    """Else `keywords` or `tags`; split at commas."""
    time_zone: str = ""
    """Else `time_zone` or `timezone`."""
    metadata: Sequence[str] = ()
    """Columns that become labels and no own fields."""

    @property
    def usual(self) -> Mapping[str, Sequence[str]]:
        """Fields of a contact with the names that their columns usually have."""
        return _USUAL

    @property
    def rest(self) -> str:
        """Every other column is an own field."""
        return _OWN_FIELDS

    @property
    def named(self) -> Mapping[str, Sequence[str]]:
        """Columns that are no own fields."""
        return {METADATA: self.metadata}

    def chosen(self) -> Iterator[tuple[str, str]]:
        """Fields of a contact with the names that were given for them."""
        yield "address", self.phone
        for field in _USUAL:
            if field != "address":
                yield field, getattr(self, field)


def to_contact(row: CsvRow) -> NewContact:
    """The row as somebody to be kept; empty cells say nothing."""
    values = row.values
    keywords = (word.strip() for word in values.get("keywords", "").split(","))
    return NewContact(
        address=clean_phone(values["address"]),
        first_name=values.get("first_name", ""),
        last_name=values.get("last_name", ""),
        email=values.get("email", ""),
        company_name=values.get("company_name", ""),
        industry=values.get("industry", ""),
        location=values.get("location", ""),
        postal_code=values.get("postal_code", ""),
        keywords=[word for word in keywords if word],
        time_zone=values.get("time_zone", ""),
        custom_fields=below(_OWN_FIELDS, values),
        metadata=below(METADATA, values),
    )
