"""Agents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import agent_pb2 as pb

from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.struct import json_text, struct
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.agent import Agent, AgentFields
from outdial_server.domain.etag import etag_of

_COLUMNS: Final = {
    "display_name": "display_name",
    "max_concurrent_calls": "max_concurrent_calls",
    "metadata": "metadata",
    "active": "active",
    "prompt": "prompt",
    "first_message": "first_message",
    "join_url_template": "join_url_template",
    "default_context": "default_context_json",
    "context_schema": "context_schema_json",
    "annotations": "annotations_json",
}
"""What a client may write, and where it is in `AgentFields`."""


def agent_to_message(agent: Agent) -> pb.Agent:
    fields = agent.fields
    return pb.Agent(
        agent_id=agent.agent_id,
        account_id=agent.account_id,
        display_name=fields.display_name,
        max_concurrent_calls=fields.max_concurrent_calls or 0,
        metadata=fields.metadata,
        create_time=timestamp(agent.created_at),
        update_time=timestamp(agent.updated_at),
        etag=etag_of(agent.revision),
        active_calls=agent.active_calls,
        active=fields.active,
        prompt=fields.prompt,
        first_message=fields.first_message,
        join_url_template=fields.join_url_template,
        default_context=struct(fields.default_context_json),
        context_schema=struct(fields.context_schema_json),
        annotations=struct(fields.annotations_json),
        outbound_numbers=[
            pb.OutboundNumber(phone_number_id=number.phone_number_id, address=number.address)
            for number in agent.outbound_numbers
        ],
    )


def agent_fields(message: pb.Agent) -> AgentFields:
    """Raises InvalidFieldsError for numbers that JSON does not have."""
    return AgentFields(
        display_name=message.display_name,
        max_concurrent_calls=message.max_concurrent_calls or None,
        metadata=dict(message.metadata),
        active=message.active if message.HasField("active") else True,
        prompt=message.prompt,
        first_message=message.first_message,
        join_url_template=message.join_url_template,
        default_context_json=json_text(message.default_context, "agent.default_context"),
        context_schema_json=json_text(message.context_schema, "agent.context_schema"),
        annotations_json=json_text(message.annotations, "agent.annotations"),
    )


def agent_change(message: pb.Agent, mask: FieldMask) -> Callable[[AgentFields], AgentFields]:
    """Writes what the mask names over the present fields."""
    named = masked_fields(mask, message, _COLUMNS)
    fields = agent_fields(message)
    written = {_COLUMNS[name]: getattr(fields, _COLUMNS[name]) for name in named}
    return lambda present: replace(present, **written)
