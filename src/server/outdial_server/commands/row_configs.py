"""Rows that name a carrier config of their own are checked when they are added: there must be
such a one, and it must be fit to dial them."""

from dataclasses import dataclass, field, replace

from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.errors import PreconditionError
from outdial_server.domain.intake import CheckedRows, RowFault
from outdial_server.domain.medium import Medium
from outdial_server.domain.plan import NumberedRow
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.ports.intake import RowConfig, Staging

_FIELD = "carrier_config"


@dataclass(frozen=True, slots=True)
class RowConfigs:
    """Those that the rows of one list name."""

    staging: Staging
    terms: CarrierTerms
    # By what they were asked for by, and by id: no more than the account has.
    _found: dict[str, RowConfig] = field(default_factory=dict)

    async def check(self, checked: CheckedRows[NewScheduledCall]) -> CheckedRows[NewScheduledCall]:
        """With their ids in place of names; takes out the rows that cannot be dialled so."""
        asked = {row.carrier_config for _, row in checked.rows if row.carrier_config}
        if not asked:
            return checked
        found = await self.staging.find_configs(asked - self._found.keys())
        self._found.update(found)
        self._found.update({one.config_id: one for one in found.values()})
        good: list[NumberedRow] = []
        faults = list(checked.faults)
        for number, row in checked.rows:
            fault = self._fault(row)
            if fault:
                faults.append(RowFault(number, _FIELD, fault, row.contact_id))
            elif row.carrier_config:
                config_id = self._found[row.carrier_config].config_id
                good.append((number, replace(row, carrier_config=config_id)))
            else:
                good.append((number, row))
        faults.sort(key=lambda fault: fault.number)
        return CheckedRows(checked.count, good, faults)

    def through(self, row: NewScheduledCall) -> DialledThrough:
        """Who is to dial a row that was checked."""
        found = self._found.get(row.carrier_config)
        return self.staging.through if found is None else found.through

    def _fault(self, row: NewScheduledCall) -> str:
        if not row.carrier_config:
            return ""
        if (row.medium or self.staging.media.usual) is Medium.WEBHOOK:
            return "goes with calls that a carrier dials, and this one has the medium WEBHOOK"
        config = self._found.get(row.carrier_config)
        if config is None:
            return "names no carrier config of the account"
        try:
            self.terms.refuse(
                config.through.carrier,
                has_credentials=config.has_credentials,
                join_url=self.staging.agent.join_url_template,
                account=config.through.account,
            )
        except PreconditionError as error:
            return str(error)
        return ""
