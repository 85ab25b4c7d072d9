"""What becomes of a list, by the rule of the request that brings it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.errors import InvalidFieldsError, Reason
from outdial_server.domain.imports import BadRowPolicy, Finding, FindingKind, ImportCounts
from outdial_server.domain.intake import CheckedRows, ImportTally, ListTally, RowFault, Tally
from outdial_server.domain.limits import (
    FIELD_VIOLATIONS_MAX,
    IMPORT_FINDINGS_MAX,
    IMPORT_ROWS_MAX,
    SCHEDULED_CALLS_PER_REQUEST_MAX,
)
from outdial_server.domain.plan import PlacedRows, Placement
from outdial_server.domain.scheduled_call import NewScheduledCall

KEEP, SKIP, REJECT = DuplicatePolicy.KEEP, DuplicatePolicy.SKIP, DuplicatePolicy.REJECT
NOTHING = PlacedRows((), ())


def note(tally: Tally, placement: Placement, *texts: str, first: int = 1) -> list[Finding]:
    """A slice of numbers; `bad` is a row with a fault."""
    numbered = list(enumerate(texts, first))
    rows = [(n, NewScheduledCall(text, text)) for n, text in numbered if text != "bad"]
    faults = [RowFault(n, "address", "is wrong") for n, text in numbered if text == "bad"]
    placed = placement.place(rows)
    return list(tally.note(CheckedRows(len(texts), rows, faults), placed))


def listed(policy: DuplicatePolicy, *texts: str) -> ListTally:
    tally = ListTally(policy)
    assert note(tally, Placement(policy, 0), *texts, first=0) == []
    return tally


# --- lists ---------------------------------------------------------------------


def test_a_good_list_is_not_refused() -> None:
    tally = listed(KEEP, "+11", "+12", "+11")
    tally.raise_if_refused()
    assert (tally.row_count, tally.duplicate_count, tally.skipped) == (3, 1, [])


def test_what_is_skipped_is_told() -> None:
    tally = listed(SKIP, "+11", "+12", "+11")
    tally.raise_if_refused()
    assert [(row.number, row.kept_position) for row in tally.skipped] == [(2, 0)]


def test_faults_come_before_duplicates() -> None:
    tally = listed(REJECT, "+11", "bad", "+11")
    assert tally.is_refused
    with pytest.raises(InvalidFieldsError) as refused:
        tally.raise_if_refused()
    assert refused.value.reason is Reason.INVALID_FIELD
    assert [v.field for v in refused.value.violations] == ["scheduled_calls[1].address"]


def test_refused_duplicates_are_named_by_their_index_and_the_position_kept() -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        listed(REJECT, "+11", "+12", "+12").raise_if_refused()
    assert refused.value.reason is Reason.DUPLICATE_ADDRESS
    (violation,) = refused.value.violations
    assert violation.field == "scheduled_calls[2].address"
    assert violation.description == "is the same as at position 1"


def test_enough_faults_are_enough() -> None:
    tally = listed(KEEP, *["bad"] * (FIELD_VIOLATIONS_MAX - 1))
    assert not tally.is_full
    note(tally, Placement(KEEP, 0), "bad")
    assert tally.is_full


@pytest.mark.parametrize(
    ("tally", "most"),
    [
        (ListTally(KEEP), SCHEDULED_CALLS_PER_REQUEST_MAX),
        (ImportTally(BadRowPolicy.SKIP, KEEP), IMPORT_ROWS_MAX),
    ],
)
def test_a_list_has_a_bounded_number_of_rows(tally: Tally, most: int) -> None:
    tally.note(CheckedRows(most, (), ()), NOTHING)
    with pytest.raises(InvalidFieldsError, match=f"more than {most}"):
        tally.note(CheckedRows(1, (), ()), NOTHING)


# --- imports -------------------------------------------------------------------


@pytest.mark.parametrize("bad_rows", BadRowPolicy)
@pytest.mark.parametrize("duplicates", DuplicatePolicy)
def test_every_fault_and_every_duplicate_is_a_finding(
    bad_rows: BadRowPolicy, duplicates: DuplicatePolicy
) -> None:
    tally, placement = ImportTally(bad_rows, duplicates), Placement(duplicates, 1)
    placement.learn({"+19": 0})
    findings = note(tally, placement, "+11", "bad", "+11", "+19", "bad")
    kind = {
        KEEP: FindingKind.DUPLICATE_KEPT,
        SKIP: FindingKind.DUPLICATE_SKIPPED,
        REJECT: FindingKind.DUPLICATE_REFUSED,
    }[duplicates]
    assert [(f.row_number, f.kind, f.first_row_number) for f in findings] == [
        (2, FindingKind.FAULT, 0),
        (3, kind, 1),
        (4, kind, 0),
        (5, FindingKind.FAULT, 0),
    ]
    assert tally.is_refused == (bad_rows is BadRowPolicy.REJECT_ALL)
    assert not tally.is_full
    added = {KEEP: 3, SKIP: 1, REJECT: 1}[duplicates]
    refused = 4 if duplicates is REJECT else 2
    assert tally.counts(added=True) == ImportCounts(5, added, refused, 2)
    assert tally.counts(added=False) == ImportCounts(5, 0, refused, 2)


@given(
    st.lists(st.sampled_from(("bad", "+11", "+12", "+13", "+14")), max_size=30),
    st.sampled_from(BadRowPolicy),
    st.sampled_from(DuplicatePolicy),
)
def test_each_row_was_added_refused_or_skipped(
    texts: list[str], bad_rows: BadRowPolicy, duplicates: DuplicatePolicy
) -> None:
    tally, placement = ImportTally(bad_rows, duplicates), Placement(duplicates, 0)
    for start in range(0, len(texts), 4):
        note(tally, placement, *texts[start : start + 4], first=start + 1)
    counts = tally.counts(added=True)
    skipped = counts.duplicates if duplicates is SKIP else 0
    assert counts.rows == len(texts) == counts.added + counts.refused + skipped


@pytest.mark.parametrize(("duplicates", "refused"), [(KEEP, False), (SKIP, False), (REJECT, True)])
def test_a_refused_duplicate_refuses_an_import_that_rejects_all(
    duplicates: DuplicatePolicy, refused: bool
) -> None:
    tally = ImportTally(BadRowPolicy.REJECT_ALL, duplicates)
    note(tally, Placement(duplicates, 0), "+11", "+11")
    assert tally.is_refused == refused


def test_a_refusal_names_the_import_and_the_first_faults() -> None:
    tally = ImportTally(BadRowPolicy.REJECT_ALL, REJECT)
    note(tally, Placement(REJECT, 0), "+11", "bad", "+11", *["bad"] * FIELD_VIOLATIONS_MAX)
    refusal = tally.refusal("import-7")
    assert refusal.reason is Reason.IMPORT_REFUSED
    assert refusal.metadata == {"import_id": "import-7"}
    assert refusal.violations[0].field == "rows[2].address"
    assert len(refusal.violations) == FIELD_VIOLATIONS_MAX
    assert refusal.message.endswith(f"(and {FIELD_VIOLATIONS_MAX + 1} more)")


def test_findings_end_somewhere_and_the_counts_go_on() -> None:
    tally = ImportTally(BadRowPolicy.SKIP, KEEP)
    faults = [RowFault(n, "address", "is wrong") for n in range(1, IMPORT_FINDINGS_MAX)]
    assert len(tally.note(CheckedRows(len(faults), (), faults), NOTHING)) == len(faults)
    assert not tally.counts(added=True).findings_truncated
    kept = note(tally, Placement(KEEP, 0), "bad", "bad", "bad")
    assert len(kept) == 1
    assert note(tally, Placement(KEEP, 0), "bad") == []
    counts = tally.counts(added=True)
    assert counts.findings_truncated
    assert counts.refused == IMPORT_FINDINGS_MAX + 3
