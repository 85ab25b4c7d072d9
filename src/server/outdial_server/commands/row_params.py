"""Rows are checked against what their carrier takes of parameters of its own, when they are
added."""

from dataclasses import dataclass, replace

from outdial_server.commands.row_configs import RowConfigs
from outdial_server.domain.carrier_params import ParamsError
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.intake import CheckedRows, RowFault
from outdial_server.domain.plan import NumberedRow
from outdial_server.domain.scheduled_call import NewScheduledCall

_FIELD = "carrier_params"


@dataclass(frozen=True, slots=True)
class RowParams:
    """What one request writes its parameters by; `configs` have checked the rows before."""

    terms: CarrierTerms
    configs: RowConfigs

    def write(self, checked: CheckedRows[NewScheduledCall]) -> CheckedRows[NewScheduledCall]:
        """Takes out the rows whose parameters cannot be passed on."""
        if not any(row.carrier_params for _, row in checked.rows):
            return checked
        good: list[NumberedRow] = []
        faults = list(checked.faults)
        for number, row in checked.rows:
            try:
                params = self.terms.written(row.carrier_params, self.configs.through(row))
            except ParamsError as error:
                faults += (
                    RowFault(number, fault.field, fault.description, row.contact_id)
                    for fault in error.below(_FIELD)
                )
            else:
                good.append((number, replace(row, carrier_params=params) if params else row))
        # In the order of the rows. Stable: those of one row stay as they were found.
        faults.sort(key=lambda fault: fault.number)
        return CheckedRows(checked.count, good, faults)
