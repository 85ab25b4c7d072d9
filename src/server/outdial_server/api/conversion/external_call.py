"""External calls."""

from outdial.v1 import external_call_pb2 as pb
from outdial.v1 import external_call_service_pb2 as service_pb

from outdial_server.api.conversion.ids import canonical
from outdial_server.api.conversion.request import filter_text
from outdial_server.api.conversion.times import span, timestamp
from outdial_server.domain import limits
from outdial_server.domain.external_call import ExternalCall, ExternalReport
from outdial_server.domain.ids import AgentId


def external_report(request: service_pb.ReportExternalCallRequest) -> ExternalReport:
    ttl = limits.EXTERNAL_TTL_DEFAULT
    if request.HasField("ttl"):
        ttl = span(request.ttl, "ttl")
    return ExternalReport(
        request.external_id,
        AgentId(canonical(request.agent_id)) if request.agent_id else None,
        filter_text("carrier_config", request.carrier_config),
        ttl,
    )


def external_call_to_message(call: ExternalCall) -> pb.ExternalCall:
    return pb.ExternalCall(
        external_id=call.external_id,
        agent_id=call.agent_id or "",
        carrier_config_id=call.carrier_config_id or "",
        create_time=timestamp(call.created_at),
        expire_time=timestamp(call.expires_at),
    )
