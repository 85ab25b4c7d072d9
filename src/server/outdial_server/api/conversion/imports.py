"""Imports."""

from outdial.v1 import import_pb2 as pb

from outdial_server.api.conversion.batch import batch_spec
from outdial_server.api.conversion.contact import contact_fields
from outdial_server.api.conversion.enums import BAD_ROW_POLICY, FINDING_KIND, IMPORT_STATE
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.conversion.scheduled_call import raw_row
from outdial_server.api.conversion.times import timestamp
from outdial_server.commands.import_contacts import ContactImportSpec, RawContact
from outdial_server.commands.import_scheduled_calls import ImportSpec
from outdial_server.domain.checks import NO_NUL
from outdial_server.domain.contact import ContactFields
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, invalid_field
from outdial_server.domain.ids import AccountId, BatchId, ContactFolderId
from outdial_server.domain.imports import BadRowPolicy, Finding, Import
from outdial_server.domain.limits import SENDER_FAULT_MAX_CHARS, SENDER_FAULTS_PER_ROW_MAX
from outdial_server.domain.row_checks import RawRow


def import_spec(account_id: AccountId, options: pb.ImportOptions) -> ImportSpec:
    bad_rows = BAD_ROW_POLICY.from_message(
        options.bad_rows, "options.bad_rows", BadRowPolicy.REJECT_ALL
    )
    if options.HasField("new_batch"):
        path = "options.new_batch"
        spec = batch_spec(account_id, options.new_batch, draft=options.draft, path=path)
        return ImportSpec(account_id, spec, bad_rows)
    if not options.batch_id:
        raise invalid_field("options.batch_id", "or options.new_batch is required")
    return ImportSpec(account_id, BatchId(canonical(options.batch_id)), bad_rows)


def numbered_row(message: pb.ImportRow, count: int) -> tuple[int, RawRow]:
    """`count`: which row of the import it is, from 1."""
    number = _row_number(message, count)
    if message.faults:
        return number, RawRow("", faults=_sender_faults(message, number))
    return number, raw_row(message.scheduled_call)


Numbered = pb.ImportRow | pb.ContactImportRow


def _row_number(message: Numbered, count: int) -> int:
    number = message.row_number or count
    if number < 0:
        raise invalid_field(f"rows[{number}].row_number", "must not be negative")
    return number


def _sender_faults(message: Numbered, number: int) -> tuple[FieldViolation, ...]:
    if len(message.faults) > SENDER_FAULTS_PER_ROW_MAX:
        raise invalid_field(
            f"rows[{number}].faults", f"must not be more than {SENDER_FAULTS_PER_ROW_MAX}"
        )
    for fault in message.faults:
        for text in (fault.field, fault.description):
            if len(text) > SENDER_FAULT_MAX_CHARS:
                most = SENDER_FAULT_MAX_CHARS
                raise invalid_field(
                    f"rows[{number}].faults", f"texts must not be longer than {most} characters"
                )
            if "\0" in text:
                raise invalid_field(f"rows[{number}].faults", NO_NUL)
    return tuple(FieldViolation(fault.field, fault.description) for fault in message.faults)


def contact_import_spec(
    account_id: AccountId, options: pb.ContactImportOptions
) -> ContactImportSpec:
    return ContactImportSpec(
        account_id,
        ContactFolderId(required_id(options.contact_folder_id, "options.contact_folder_id")),
        BAD_ROW_POLICY.from_message(options.bad_rows, "options.bad_rows", BadRowPolicy.REJECT_ALL),
        options.overwrite_existing,
    )


def numbered_contact(message: pb.ContactImportRow, count: int) -> tuple[int, RawContact]:
    """As `numbered_row`."""
    number = _row_number(message, count)
    if message.faults:
        return number, RawContact(ContactFields(""), _sender_faults(message, number))
    try:
        return number, RawContact(contact_fields(message.contact, ""))
    except InvalidFieldsError as error:
        # Like any other fault of a row, and not of the request.
        return number, RawContact(ContactFields(""), error.violations)


def import_to_message(import_: Import) -> pb.Import:
    counts = import_.counts
    return pb.Import(
        import_id=import_.import_id,
        batch_id=import_.batch_id or "",
        state=IMPORT_STATE.to_message(import_.state),
        row_count=counts.rows,
        added_count=counts.added,
        refused_count=counts.refused,
        duplicate_count=counts.duplicates,
        findings_truncated=counts.findings_truncated,
        create_time=timestamp(import_.created_at),
        contact_folder_id=import_.contact_folder_id or "",
        updated_count=counts.updated,
    )


def finding_to_message(finding: Finding) -> pb.ImportFinding:
    return pb.ImportFinding(
        row_number=finding.row_number,
        kind=FINDING_KIND.to_message(finding.kind),
        field=finding.field,
        description=finding.description,
        first_row_number=finding.first_row_number,
    )
