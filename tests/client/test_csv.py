"""Lists of people as they really come."""

import io
from datetime import timedelta
from pathlib import Path

import pytest

from outdial_client import CsvColumns, CsvFileError, Medium, NewCall
from outdial_client._csv import CsvFile, CsvSource
from outdial_client._csv_columns import BadCsvRow, CsvRow
from outdial_client._phone import clean_phone, phone_problem


def rows(text: str, columns: CsvColumns | None = None) -> list[CsvRow | BadCsvRow]:
    return read(io.BytesIO(text.encode()), columns)


def read(file: CsvFile, columns: CsvColumns | None = None) -> list[CsvRow | BadCsvRow]:
    with CsvSource(file).open() as reading:
        return list(reading.rows(columns))


def calls(text: str, columns: CsvColumns | None = None) -> list[NewCall]:
    return [row.call for row in rows(text, columns) if isinstance(row, CsvRow)]


def problems(text: str) -> list[tuple[int, str, str]]:
    return [
        (problem.line, problem.column, problem.reason)
        for row in rows(text)
        if isinstance(row, BadCsvRow)
        for problem in row.problems
    ]


def test_known_columns_are_fields_and_the_others_template_values() -> None:
    (call,) = calls(
        "first_name,Caller ID,PRIORITY, phone ,TimeZone,custom_id\n"
        "Ada,+1 555 000 1111,7,+1 (555) 123-0001,Europe/Vienna,C-1\n"
    )
    assert call == NewCall(
        address="+15551230001",
        custom_id="C-1",
        time_zone="Europe/Vienna",
        caller_id="+15550001111",
        priority=7,
        template_context={"first_name": "Ada"},
    )


def test_an_empty_cell_says_nothing() -> None:
    (call,) = calls(
        "phone,first_name,city,branch\n+15551230001, ,Graz,\n", CsvColumns(metadata=["branch"])
    )
    assert call == NewCall(address="+15551230001", template_context={"city": "Graz"})


@pytest.mark.parametrize("name", ["ring_timeout", "Ring Timeout Seconds"])
def test_how_long_a_phone_may_ring_is_a_column(name: str) -> None:
    told = calls(f"phone,{name}\n+15551230001,45\n+15551230002,\n")
    assert [call.ring_timeout for call in told] == [timedelta(seconds=45), None]
    assert told[0].template_context == {}
    (chosen,) = calls("phone,ring\n+15551230001,600\n", CsvColumns(ring_timeout="ring"))
    assert chosen.ring_timeout == timedelta(seconds=600)


@pytest.mark.parametrize("name", ["max_call_duration", "Max Call Duration Seconds"])
def test_how_long_a_call_may_last_is_a_column(name: str) -> None:
    told = calls(f"phone,{name}\n+15551230001,86400\n+15551230002,\n")
    assert [call.max_call_duration for call in told] == [timedelta(days=1), None]
    assert problems(f"phone,{name}\n+15551230001,86401\n") == [
        (2, name, "is not 1 to 86400 whole seconds")
    ]


def test_columns_of_carrier_configs_and_media_are_read_where_they_are_named() -> None:
    text = "phone,via,medium\n+15551230001,north,WebHook\n+15551230002,,\n"
    (plain, _) = calls(text)
    assert plain.template_context == {"via": "north", "medium": "WebHook"}
    named = CsvColumns(carrier_config="via", medium="medium")
    assert calls(text, named) == [
        NewCall(address="+15551230001", carrier_config="north", medium=Medium.MEDIUM_WEBHOOK),
        NewCall(address="+15551230002"),
    ]
    (bad,) = rows("phone,how\n+15551230001,smoke\n", CsvColumns(medium="how"))
    assert isinstance(bad, BadCsvRow)
    assert [problem.reason for problem in bad.problems] == ["is neither outgoing nor webhook"]


@pytest.mark.parametrize("text", ["0", "601", "-1", "1.5", "30s", "\u0663\u0660"])
def test_another_length_of_ringing_is_a_fault(text: str) -> None:
    assert problems(f"phone,ring_timeout\n+15551230001,{text}\n") == [
        (2, "ring_timeout", "is not 1 to 600 whole seconds")
    ]


@pytest.mark.parametrize(
    "name", ["phone", "Phone Number", "MOBILE", "mobile-number", "number", "address"]
)
def test_a_phone_column_is_recognised(name: str) -> None:
    (call,) = calls(f"name,{name}\nAda,+15551230001\n")
    assert call.address == "+15551230001"
    assert call.template_context == {"name": "Ada"}


def test_a_street_address_beside_a_phone_is_a_template_value() -> None:
    (call,) = calls("address,phone\n1 High St,+15551230001\n")
    assert call.address == "+15551230001"
    assert call.template_context == {"address": "1 High St"}


def test_a_phone_column_can_be_named() -> None:
    (call,) = calls("phone,work tel\n1,+15551230001\n", CsvColumns(phone="Work Tel"))
    assert call.address == "+15551230001"
    assert call.template_context == {"phone": "1"}


def test_quotes_may_hold_delimiters_and_line_breaks_and_lines_count_on() -> None:
    text = 'phone,note\n+15551230001,"a, b\nc"\nbad,x\n'
    (call,) = calls(text)
    assert call.template_context == {"note": "a, b\nc"}
    assert [line for line, _, _ in problems(text)] == [4]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_in_the_first_line(delimiter: str) -> None:
    (call,) = calls(delimiter.join(["phone", "name"]) + "\n" + f"+15551230001{delimiter}Ada\n")
    assert call.template_context == {"name": "Ada"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("phone,name\r\n+15551230001,Zoë\r\n".encode(encoding))
    (row,) = read(path)
    assert isinstance(row, CsvRow)
    assert row.call.template_context == {"name": "Zoë"}


def test_blank_lines_are_passed_over() -> None:
    assert len(rows("phone,name\n\n+15551230001,Ada\n,\n  , \n+15551230002,Bob\n\n")) == 2


def test_every_fault_of_a_row_is_named_with_its_line_and_column() -> None:
    text = "phone,priority,caller_id\n+15551230001,1,\n12,99,x\n"
    assert problems(text) == [
        (3, "phone", "lacks + and the country code"),
        (3, "priority", "is not 0 to 9"),
        (3, "caller_id", "has 'x' in it, which is no part of a number"),
    ]


def test_a_row_of_another_length_is_a_fault() -> None:
    assert problems("phone,name\n+15551230001\n+15551230002,Ada,x\n") == [
        (2, "", "has 1 instead of 2 cells"),
        (3, "", "has 3 instead of 2 cells"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("call me", "has 'c' in it, which is no part of a number"),
        ("+1555123000x", "has 'x' in it, which is no part of a number"),
        ("0043664128127", "starts with 00: write + and the country code"),
        ("5551230001", "lacks + and the country code"),
        ("+05551230001", "starts with +0, which no country has"),
        ("+", "is too short"),
        ("+1", "is too short"),
        ("+1234567890123456", "has more than 15 digits"),
        ("1.55512E+10", "was rounded by a spreadsheet: format the column as text"),
        ("+\u0661\u0662", "has '\u0661' in it, which is no part of a number"),
        ("sip:", "has 's' in it, which is no part of a number"),
    ],
)
def test_a_number_that_cannot_be_called_says_why(text: str, reason: str) -> None:
    assert phone_problem(text) == reason


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("+1 (555) 123-0001", "+15551230001"),
        ("'+43.664.128127", "+43664128127"),
        ("\u202a+43\u00a0664\u2011128127\u202c", "+43664128127"),
        (" sip:ada@example.org ", "sip:ada@example.org"),
    ],
)
def test_what_people_write_into_numbers_is_taken_out(text: str, cleaned: str) -> None:
    assert clean_phone(text) == cleaned
    assert phone_problem(text) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("name,tel\nAda,+1\n", "no column holds phone numbers: name one of 'name', 'tel'"),
        ("phone,name,name\n", "two columns are called 'name'"),
        ('"phone\n', "line 1 cannot be read: unexpected end of data"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        rows(text)


def test_a_named_phone_column_must_be_there() -> None:
    with pytest.raises(CsvFileError, match="no column is called 'tel'; there are 'phone'"):
        rows("phone\n", CsvColumns(phone="tel"))


def test_columns_can_be_mapped_to_fields_and_metadata() -> None:
    columns = CsvColumns(
        phone="tel",
        custom_id="customer no",
        caller_id="From",
        time_zone="tz",
        metadata=["City"],
        carrier_params=["send_digits", "CallReason"],
    )
    (call,) = calls(
        "Customer-No,tel,from,TZ,city,name,send_digits,callreason\n"
        "C-1,+15551230001,+15550001111,Europe/Vienna,Graz,Ada,1ww2,\n",
        columns,
    )
    assert call == NewCall(
        address="+15551230001",
        custom_id="C-1",
        caller_id="+15550001111",
        time_zone="Europe/Vienna",
        metadata={"city": "Graz"},
        template_context={"name": "Ada"},
        carrier_params={"send_digits": "1ww2"},
    )


def test_one_column_cannot_be_two_things() -> None:
    with pytest.raises(CsvFileError, match="'tel' cannot be address and custom_id") as caught:
        rows("tel\n", CsvColumns(phone="tel", custom_id="tel"))
    assert (caught.value.row, caught.value.column) == (1, "tel")


def test_a_row_with_a_wrong_quote_is_a_fault_and_the_next_one_is_read() -> None:
    text = 'phone,name\n+15551230001,"Ada"x\n+15551230002,Bob\n'
    assert problems(text) == [(2, "", "cannot be read: ',' expected after '\"'")]
    assert [call.address for call in calls(text)] == ["+15551230002"]


def test_an_open_quote_says_which_lines_it_swallowed() -> None:
    ((line, _, reason),) = problems('phone,name\n+15551230001,"Ada\n+15551230002,Bob\n')
    assert line == 2
    assert reason.startswith("cannot be read, with the lines up to 3: is a quote open?")


def test_a_cell_that_is_not_utf8_is_a_fault_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"phone,name\n+15551230001,Zo\xeb\n+15551230002,Zo\xc3\xab\n")
    bad, good = read(path)
    assert isinstance(bad, BadCsvRow)
    (problem,) = bad.problems
    assert (problem.line, problem.column, problem.value) == (2, "name", "Zo\ufffd")
    assert problem.reason == "is not UTF-8: save the file as CSV UTF-8"
    assert isinstance(good, CsvRow)
    assert good.call.template_context == {"name": "Zoë"}


def test_a_header_that_is_not_utf8_is_a_fault_of_the_file() -> None:
    source = CsvSource(io.BytesIO(b"phone,Stra\xdfe\n"))
    with source.open() as reading, pytest.raises(CsvFileError, match="is not UTF-8"):
        list(reading.rows())


def test_a_file_that_was_given_is_read_from_where_it_stood_and_stays_open() -> None:
    file = io.BytesIO(b"# people\nphone\n+15551230001\n")
    file.readline()
    source = CsvSource(file)
    for _ in range(2):
        with source.open() as reading:
            assert reading.bytes_total == 19
            assert len(list(reading.rows())) == 1
            assert reading.bytes_read == 19
    assert not file.closed


def test_a_text_file_is_refused() -> None:
    with pytest.raises(TypeError, match="'rb'"), CsvSource(io.StringIO("phone\n")).open():  # type: ignore[arg-type]
        pass


def test_a_line_without_an_end_is_read_in_parts() -> None:
    file = io.BytesIO(b"phone\n" + b"x" * (3 << 20))
    with CsvSource(file).open() as reading:
        found = list(reading.rows())
    assert len(found) == 3
    assert all(isinstance(row, BadCsvRow) for row in found)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CsvFileError, match="No such file"):
        read(tmp_path / "people.csv")


def test_rows_are_read_while_they_are_used() -> None:
    file = io.BytesIO(b"phone\n" + b"+15551230001\n" * 100_000)
    with CsvSource(file).open() as reading:
        next(reading.rows())
        assert reading.bytes_total == 1_300_006
        assert reading.bytes_read < 100_000


def test_dotted_columns_make_objects_unless_their_name_is_a_value() -> None:
    text = (
        "phone,customer.first_name,customer.last_name,plan,plan.name\n"
        "+15551230001,Ada,Byron,gold,Gold\n"
    )
    (call,) = calls(text)
    assert call.template_context == {
        "customer": {"first_name": "Ada", "last_name": "Byron"},
        "plan": "gold",
        "plan.name": "Gold",
    }
