"""Why a batch is not made, started or changed."""

from outdial_server.domain.batch import Batch
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AgentId


def refusal(batch: Batch, verb: str, possible: str = "") -> PreconditionError:
    """`possible` says when it would be."""
    hint = f"; {possible}" if possible else ""
    return PreconditionError(
        Reason.BATCH_STATE,
        f"a {batch.state.name} batch cannot be {verb}{hint}",
        {"state": batch.state.name, "state_reason": batch.state_reason},
    )


def agent_inactive(agent_id: AgentId) -> PreconditionError:
    return PreconditionError(
        Reason.AGENT_INACTIVE,
        "the agent is not active, and no batch of it is made or started",
        {"agent_id": agent_id},
    )


def no_usable_number() -> PreconditionError:
    return PreconditionError(
        Reason.NO_USABLE_NUMBER,
        "none of the numbers to call from is active, good for outbound voice and of an account "
        "at the carrier that dials",
    )


def no_carrier_config(carrier: str) -> PreconditionError:
    return PreconditionError(
        Reason.CARRIER_NOT_CONFIGURED,
        f"calls of carrier {carrier!r} need a carrier config with credentials: neither the batch "
        "names one, nor does any number that it could call from",
        {"carrier": carrier},
    )
