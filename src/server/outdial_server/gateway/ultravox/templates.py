"""An agent's call template: what the core has a word for, and what is kept and given back."""

from collections.abc import Mapping
from typing import Any, Final

from outdial.v1.agent_pb2 import Agent
from pydantic import Field

from outdial_server.gateway.ultravox.media import CallMedium
from outdial_server.gateway.ultravox.models import Proto, Span
from outdial_server.gateway.ultravox.structs import object_of

KEPT: Final = "callTemplate"
"""The annotation of an agent that holds its template as it was written."""

Anything = Any
Object = dict[str, Any]


class CallTemplate(Proto):
    name: str | None = None
    created: str | None = None
    updated: str | None = None
    medium: CallMedium | None = None
    initial_output_medium: str | None = None
    join_timeout: Span | None = None
    max_duration: Span | None = None
    vad_settings: Object | None = None
    recording_enabled: bool | None = None
    first_speaker_settings: Object | None = None
    system_prompt: str | None = None
    temperature: float | None = Field(None, ge=0, le=1)
    model: str | None = None
    voice: str | None = None
    external_voice: Object | None = None
    voice_overrides: Object | None = None
    language_hint: str | None = Field(None, max_length=16)
    time_exceeded_message: str | None = None
    inactivity_messages: list[Object] | None = None
    selected_tools: list[Object] | None = None
    data_connection: Object | None = None
    context_schema: Object | None = None
    shared_secrets: list[str] | None = None
    retention_policy: str | None = None


def template_of(agent: Agent) -> CallTemplate:
    """What calls of the agent go by where they say nothing else."""
    kept = kept_template(agent)
    members = {
        name: kept[name] for name in ("medium", "joinTimeout", "maxDuration") if name in kept
    }
    return CallTemplate.model_validate(members)


def kept_template(agent: Agent) -> Mapping[str, Any]:
    kept: Mapping[str, Any] = object_of(agent.annotations).get(KEPT) or {}
    return kept
