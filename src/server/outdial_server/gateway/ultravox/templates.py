"""An agent's call template: what the core has a word for, and what is kept and given back."""

from collections.abc import Mapping
from typing import Any, Final, Self

from outdial.v1.agent_pb2 import Agent
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from outdial_server.gateway.ultravox.answer import moment_or_none
from outdial_server.gateway.ultravox.media import CallMedium, shown
from outdial_server.gateway.ultravox.models import Proto, Span
from outdial_server.gateway.ultravox.structs import object_of

KEPT: Final = "callTemplate"
"""The annotation of an agent that holds its template as it was written, but for what the agent
itself has."""

_USED: Final = frozenset({"medium", "joinTimeout", "maxDuration"})
"""What calls go by."""

_DEFAULTS: Final[Mapping[str, str]] = {"joinTimeout": "30s", "maxDuration": "3600s"}

Object = dict[str, Any]


class CallSettings(Proto):
    """What a template and a call may both say."""

    medium: CallMedium | None = None
    initial_output_medium: str | None = None
    join_timeout: Span | None = None
    max_duration: Span | None = None
    recording_enabled: bool | None = None
    first_speaker_settings: Object | None = None
    voice: str | None = None
    voice_overrides: Object | None = None
    data_connection: Object | None = None
    # Nobody here has a use for them, and so they are not kept.
    shared_secrets: list[str] | None = None
    retention_policy: str | None = None

    @model_validator(mode="after")
    def _overrides_need_a_voice(self) -> Self:
        if self.voice_overrides and not self.voice:
            raise PydanticCustomError("voice", "voiceOverrides may only be set with voice.")
        return self

    def written(self) -> Object:
        """As it was said, but for secrets."""
        said = self.model_dump(by_alias=True, exclude_unset=True)
        said.pop("sharedSecrets", None)
        if "medium" in said:
            said["medium"] = shown(said["medium"])
        return said


class CallTemplate(CallSettings):
    name: str | None = None
    created: str | None = None
    updated: str | None = None
    vad_settings: Object | None = None
    system_prompt: str | None = None
    temperature: float | None = Field(None, ge=0, le=1)
    model: str | None = None
    external_voice: Object | None = None
    language_hint: str | None = Field(None, max_length=16)
    time_exceeded_message: str | None = None
    inactivity_messages: list[Object] | None = None
    selected_tools: list[Object] | None = None
    context_schema: Object | None = None

    @model_validator(mode="after")
    def _one_voice(self) -> Self:
        if self.voice and self.external_voice:
            raise PydanticCustomError("voice", "Only one of voice and externalVoice may be set.")
        return self


def template_of(agent: Agent) -> CallTemplate:
    """What calls of the agent go by where they say nothing else."""
    kept = _kept(agent)
    return CallTemplate.model_validate({name: kept[name] for name in _USED if name in kept})


def merged(agent: Agent, change: CallTemplate | None) -> Object:
    """The template after a change; None takes all of it away."""
    if change is None:
        return {}
    both = {**_said(agent), **change.written()}
    return {name: value for name, value in both.items() if value is not None}


def shown_template(agent: Agent) -> Object:
    return {
        "name": agent.display_name,
        "created": moment_or_none(agent, "create_time"),
        "updated": moment_or_none(agent, "update_time"),
        **_DEFAULTS,
        **_said(agent),
    }


def _said(agent: Agent) -> Object:
    said = dict(_kept(agent))
    if agent.prompt:
        said["systemPrompt"] = agent.prompt
    if agent.context_schema.fields:
        said["contextSchema"] = object_of(agent.context_schema)
    return said


def _kept(agent: Agent) -> Mapping[str, Any]:
    kept: Mapping[str, Any] = object_of(agent.annotations).get(KEPT) or {}
    return kept
