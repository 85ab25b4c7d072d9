"""What carriers ask of what they are to dial."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from outdial_server.domain.carrier_params import DialledThrough, Params, ParamsError, WriteParams
from outdial_server.domain.credentials import CredentialValue
from outdial_server.domain.errors import InvalidFieldsError, PreconditionError, Reason
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium

ConnectsTo = Callable[[Mapping[str, CredentialValue]], frozenset[str]]
"""The schemes of join URLs to which an account can connect whoever answers, by what anybody may
see of it."""


@dataclass(frozen=True, slots=True)
class CarrierTerms:
    """By the names of carriers."""

    # Those that there are; None for any.
    known: frozenset[str] | None = None
    need_config: frozenset[str] = frozenset()
    # Those that need a join URL, and which ones.
    connect_to: Mapping[str, ConnectsTo] = field(default_factory=dict)
    # How parameters of their own are written; those of others are passed on as they come.
    write_params: Mapping[str, WriteParams] = field(default_factory=dict)

    @property
    def are_any(self) -> bool:
        """Whether some batch may be refused."""
        return self.known is not None or bool(self.need_config or self.connect_to)

    def needs_config(self, carrier: str, medium: Medium) -> bool:
        """Whether calls of such a batch go through a carrier config: its own, or that of the
        number that each shows. One whose people somebody else calls names its own."""
        return carrier in self.need_config and medium is Medium.OUTGOING

    def refuse(
        self,
        carrier: str,
        *,
        has_credentials: bool,
        join_url: str,
        account: Mapping[str, CredentialValue] | None = None,
    ) -> None:
        """For a batch whose carrier config has credentials, or not, and whose agent has this
        template of a join URL, empty for none. `account` is what anybody may see of the config;
        None where the number decides which one a call goes through. Raises PreconditionError
        (CARRIER_NOT_CONFIGURED, AGENT_HAS_NO_JOIN_URL, JOIN_URL_UNFIT)."""
        if carrier == WEBHOOK_CARRIER:
            return
        if not carrier:
            raise PreconditionError(
                Reason.CARRIER_NOT_CONFIGURED,
                "the server has no carrier of its own; name a carrier config, or give one to the "
                "numbers to call from, or start the server with --simulate to try things out",
            )
        if self.known is not None and carrier not in self.known:
            raise PreconditionError(
                Reason.CARRIER_NOT_CONFIGURED,
                f"the server has no carrier {carrier!r}, which is that of the carrier config",
                {"carrier": carrier},
            )
        self.refuse_config(carrier, has_credentials=has_credentials)
        self._refuse_join_url(carrier, join_url, account)

    def _refuse_join_url(
        self, carrier: str, join_url: str, account: Mapping[str, CredentialValue] | None
    ) -> None:
        connects_to = self.connect_to.get(carrier)
        if connects_to is None:
            return
        if not join_url:
            raise PreconditionError(
                Reason.AGENT_HAS_NO_JOIN_URL,
                f"the agent has no join URL, and carrier {carrier!r} connects calls to one",
                {"carrier": carrier},
            )
        # No variable is in it.
        scheme = join_url.partition(":")[0].lower()
        fit = {scheme} if account is None else connects_to(account)
        if scheme not in fit:
            raise PreconditionError(
                Reason.JOIN_URL_UNFIT,
                f"the agent's join URL begins with {scheme}:, and this account at "
                f"{carrier!r} connects calls to {' or '.join(f'{one}:' for one in sorted(fit))}",
                {"carrier": carrier, "scheme": scheme},
            )

    def refuse_config(self, carrier: str, *, has_credentials: bool) -> None:
        """For a carrier config that has credentials, or not, and for none. Raises
        PreconditionError (CARRIER_NOT_CONFIGURED)."""
        if carrier in self.need_config and not has_credentials:
            raise PreconditionError(
                Reason.CARRIER_NOT_CONFIGURED,
                f"the carrier config has no credentials for {carrier!r}",
                {"carrier": carrier},
            )

    def written_at(self, path: str, params: Params, through: DialledThrough) -> Params:
        """As `written`, of a request in which they are at `path`. Raises InvalidFieldsError."""
        try:
            return self.written(params, through)
        except ParamsError as error:
            raise InvalidFieldsError(error.below(path)) from error

    def written(self, params: Params, through: DialledThrough) -> Params:
        """Parameters as whoever dials writes them. Raises ParamsError."""
        write = self.write_params.get(through.carrier)
        return params if write is None or not params else write(params, through.account)


NO_TERMS: Final = CarrierTerms()
