"""Files of people and of results, as whoever moves them by other means than the SDK needs them:
a gateway that takes and gives them over HTTP."""

from outdial_client._contact_columns import ContactColumns
from outdial_client._csv import CsvFile, CsvSource
from outdial_client._csv_columns import Columns, CsvColumns, CsvFileError
from outdial_client._import_rows import CALLS, CONTACTS, CsvImportRows, ImportRows
from outdial_client._result_files import CsvResults, ResultWriter

__all__ = [
    "ContactColumns",
    "CsvColumns",
    "CsvFileError",
    "CsvResults",
    "ImportRows",
    "ResultWriter",
    "calls_in",
    "contacts_in",
]


def calls_in(file: CsvFile, columns: Columns | None = None) -> ImportRows:
    """The people of a file, for ImportScheduledCalls."""
    return CsvImportRows(CsvSource(file), columns or CsvColumns(), CALLS)


def contacts_in(file: CsvFile, columns: Columns | None = None) -> ImportRows:
    """The contacts of a file, for ImportContacts."""
    return CsvImportRows(CsvSource(file), columns or ContactColumns(), CONTACTS)
