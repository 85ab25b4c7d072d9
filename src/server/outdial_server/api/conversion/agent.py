"""Agents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import agent_pb2 as pb

from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.account import Agent, AgentFields
from outdial_server.domain.etag import etag_of

_WRITABLE: Final = ("display_name", "max_concurrent_calls", "metadata")


def agent_to_message(agent: Agent) -> pb.Agent:
    return pb.Agent(
        agent_id=agent.agent_id,
        account_id=agent.account_id,
        display_name=agent.display_name,
        max_concurrent_calls=agent.max_concurrent_calls or 0,
        metadata=agent.metadata,
        create_time=timestamp(agent.created_at),
        update_time=timestamp(agent.updated_at),
        etag=etag_of(agent.revision),
        active_calls=agent.active_calls,
    )


def agent_fields(message: pb.Agent) -> AgentFields:
    return AgentFields(
        message.display_name, message.max_concurrent_calls or None, dict(message.metadata)
    )


def agent_change(message: pb.Agent, mask: FieldMask) -> Callable[[AgentFields], AgentFields]:
    """Writes what the mask names over the present fields."""
    named = masked_fields(mask, message, _WRITABLE)
    fields = agent_fields(message)
    written = {name: getattr(fields, name) for name in named}
    return lambda present: replace(present, **written)
