"""What a caller may add to a carrier's calls: which names there are, and how they are spelled."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.carriers.params import KnownParams
from outdial_server.carriers.plivo.params import KNOWN as PLIVO
from outdial_server.carriers.telnyx.params import KNOWN as TELNYX
from outdial_server.carriers.telnyx.texml_params import KNOWN as TEXML
from outdial_server.carriers.twilio.params import KNOWN as TWILIO
from outdial_server.domain.carrier_params import DialledThrough, ParamsError
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.errors import InvalidFieldsError

KNOWN = [TWILIO, TELNYX, TEXML, PLIVO]
DOCS = Path(__file__).parents[3] / "docs" / "carriers"


def spellings(name: str) -> list[str]:
    """`SendDigits`, `sendDigits` and `send_digits`."""
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    pascal = "".join(part.capitalize() for part in snake.split("_"))
    return [snake, pascal, pascal[:1].lower() + pascal[1:]]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.carrier)
@given(st.data())
def test_whatever_is_spelled_comes_out_under_the_carrier_s_names(
    known: KnownParams, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(known.allowed)), max_size=5, unique=True))
    given = {data.draw(st.sampled_from(spellings(name))): f"of {name}" for name in names}
    written = known.write(given)
    assert written == {name: f"of {name}" for name in names}
    assert known.write(written) == written, "what is read back may be written again"


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.carrier)
def test_those_that_are_ours_are_refused_however_they_are_spelled(known: KnownParams) -> None:
    for name in known.ours:
        for spelled in spellings(name):
            with pytest.raises(ParamsError) as refusal:
                known.write({spelled: "x"})
            (fault,) = refusal.value.faults
            assert (fault.field, known.ours[name] in fault.description) == (spelled, True)


def test_each_fault_is_named_as_it_was_given() -> None:
    given = {"To": "+1", "send_digits": "1", "SendDigits": "2", "Colour": "red", "trim": None}
    with pytest.raises(ParamsError) as refusal:
        TWILIO.write(given)
    assert [fault.field for fault in refusal.value.faults] == ["To", "SendDigits", "Colour", "trim"]


def test_they_are_written_by_whoever_dials_and_faults_are_named_in_the_request() -> None:
    terms = CarrierTerms(write_params={"twilio": lambda params, account: TWILIO.write(params)})
    path = "batch.carrier_params"
    twilio, other = DialledThrough("twilio"), DialledThrough("simulated")
    assert terms.written_at(path, {"send_digits": "1"}, twilio) == {"SendDigits": "1"}
    assert terms.written_at(path, {"send_digits": "1"}, other) == {"send_digits": "1"}
    with pytest.raises(InvalidFieldsError) as refusal:
        terms.written_at(path, {"To": "+1"}, twilio)
    (violation,) = refusal.value.violations
    assert violation.field == "batch.carrier_params.To"
    assert violation.description == "is set by the address of the scheduled call"


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.carrier)
def test_the_page_of_a_carrier_lists_them(known: KnownParams) -> None:
    page = (DOCS / f"{known.carrier.lower()}.md").read_text()
    listed = page.partition("of these names:\n")[2].partition("`.")[0] + "`"
    assert set(re.findall("`([A-Za-z_]+)`", listed)) == known.allowed
