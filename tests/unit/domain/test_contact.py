"""Contacts and folders: what a client may write, and what a search finds."""

import json
from dataclasses import fields as fields_of
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.checks import Checks
from outdial_server.domain.contact import (
    ContactFields,
    checked_contact,
    faults_of_overwriting,
    overwritten,
    search_text,
    search_words,
)
from outdial_server.domain.contact_folder import (
    ContactFolderFields,
    FolderOrder,
    FolderSort,
    check_contact_folder,
    folder_order,
)
from outdial_server.domain.errors import InvalidFieldsError

ZONES = frozenset({"Europe/Vienna"})
GOOD = ContactFields("+1 (555) 123-0001")


def faults(fields: ContactFields) -> list[str]:
    checks = Checks("contact.")
    checked_contact(checks, fields, ZONES)
    return [violation.field for violation in checks.violations]


def test_the_address_is_cleaned_and_brought_into_normal_form() -> None:
    checks = Checks()
    checked = checked_contact(checks, GOOD, ZONES)
    assert (checked.address, checked.normalized_address) == ("+15551230001", "+15551230001")
    by_sip = checked_contact(checks, ContactFields("SIP:a@Example.NET"), ZONES)
    assert by_sip.normalized_address == "sip:a@example.net"
    assert by_sip.address == "SIP:a@Example.NET"
    assert checks.violations == []


def test_the_bounds_of_a_contact_are_inside() -> None:
    full = ContactFields(
        "+15551230001",
        first_name="x" * 100,
        last_name="x" * 100,
        email="x" * 254,
        company_name="x" * 200,
        industry="x" * 200,
        location="x" * 200,
        postal_code="x" * 200,
        keywords=("x" * 100,) * 50,
        time_zone="Europe/Vienna",
        custom_fields_json='{"a":"' + "x" * (32 * 1024 - 8) + '"}',
    )
    assert faults(full) == []


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("address", "", "address"),
        ("address", "5551230001", "address"),
        ("first_name", "x" * 101, "first_name"),
        ("last_name", "a\0", "last_name"),
        ("email", "x" * 255, "email"),
        ("company_name", "x" * 201, "company_name"),
        ("industry", "x" * 201, "industry"),
        ("location", "x" * 201, "location"),
        ("postal_code", "x" * 201, "postal_code"),
        ("keywords", ("x",) * 51, "keywords"),
        ("keywords", ("x", ""), "keywords[1]"),
        ("keywords", ("x" * 101,), "keywords[0]"),
        ("keywords", ("a\0",), "keywords[0]"),
        ("time_zone", "Europe/Wien", "time_zone"),
        ("custom_fields_json", '{"a":"' + "x" * 32 * 1024 + '"}', "custom_fields"),
        ("metadata", {"": "x"}, "metadata"),
    ],
)
def test_what_is_out_of_bounds_is_named(name: str, value: object, named: str) -> None:
    assert faults(replace(GOOD, **{name: value})) == [f"contact.{named}"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (ContactFolderFields("x" * 100, "x" * 500), []),
        (ContactFolderFields(" "), ["display_name"]),
        (ContactFolderFields("x" * 101, "x" * 501), ["display_name", "description"]),
    ],
)
def test_folders_have_a_name(fields: ContactFolderFields, named: list[str]) -> None:
    checks = Checks()
    check_contact_folder(checks, fields)
    assert [violation.field for violation in checks.violations] == named


def test_folders_have_an_order() -> None:
    assert folder_order("") == FolderOrder()
    assert folder_order("display_name") == FolderOrder(FolderSort.DISPLAY_NAME)
    assert folder_order("contact_count desc") == FolderOrder(
        FolderSort.CONTACT_COUNT, descending=True
    )


@pytest.mark.parametrize("text", ["name", "display_name asc", "display_name,key", " desc"])
def test_another_order_is_refused(text: str) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        folder_order(text)
    assert refusal.value.violations[0].field == "order_by"


def finds(search: str, fields: ContactFields) -> bool:
    return all(word in search_text(fields) for word in search_words(search))


ADA = ContactFields("+15551230001", "+15551230001", "Ada", "Königsberg", "ada@example.net")


@pytest.mark.parametrize(
    "search",
    ["", "ada", "KÖNIG", "ada königsberg", "königsberg ada", "@example", "+1555", "(555) 123-0001"],
)
def test_each_word_is_looked_for_whatever_its_case(search: str) -> None:
    assert finds(search, ADA)


@pytest.mark.parametrize("search", ["bea", "ada bea", "adakönigsberg", "0002"])
def test_a_word_that_is_nowhere_finds_nobody(search: str) -> None:
    assert not finds(search, ADA)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_name_is_found_by_itself(first: str, last: str) -> None:
    """As far as it is no number: of those the separators do not count."""
    if search_words(f"{first} {last}") == tuple(f"{first} {last}".casefold().split()):
        assert finds(f"{first} {last}", replace(ADA, first_name=first, last_name=last))


names = st.sampled_from("abc")
texts = st.sampled_from(["", "x", "y"])
people = st.builds(
    ContactFields,
    st.just("+15551230001"),
    st.just("+15551230001"),
    first_name=texts,
    last_name=texts,
    email=texts,
    company_name=texts,
    industry=texts,
    location=texts,
    postal_code=texts,
    keywords=st.lists(names, max_size=2).map(tuple),
    time_zone=texts,
    custom_fields_json=st.dictionaries(names, texts).map(
        lambda own: json.dumps(own, separators=(",", ":"), sort_keys=True) if own else ""
    ),
    metadata=st.dictionaries(names, texts),
)
BY_NAME = {"custom_fields_json", "metadata"}


@given(people, people)
def test_what_a_row_says_takes_the_place_and_what_it_leaves_empty_stays(
    before: ContactFields, row: ContactFields
) -> None:
    after = overwritten(before, row)
    for field in fields_of(ContactFields):
        if field.name not in BY_NAME:
            said = getattr(row, field.name)
            assert getattr(after, field.name) == said or (
                not said and getattr(after, field.name) == getattr(before, field.name)
            )
    assert own(after) == {**own(before), **own(row)}
    assert after.metadata == {**before.metadata, **row.metadata}
    assert overwritten(after, row) == after


def own(fields: ContactFields) -> dict[str, str]:
    values: dict[str, str] = json.loads(fields.custom_fields_json or "{}")
    return values


def test_two_that_are_within_bounds_may_be_beyond_them_together() -> None:
    half = "x" * 20 * 1024
    before = replace(GOOD, custom_fields_json=f'{{"a":"{half}"}}')
    row = replace(
        GOOD,
        custom_fields_json=f'{{"b":"{half}"}}',
        metadata={f"k{n}": "v" for n in range(64)},
    )
    assert faults_of_overwriting(overwritten(before, replace(before, metadata={"k": "v"}))) == []
    after = overwritten(replace(before, metadata={"one": "more"}), row)
    assert [fault.field for fault in faults_of_overwriting(after)] == ["custom_fields", "metadata"]
