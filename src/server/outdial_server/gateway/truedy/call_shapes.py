"""Calls as they are asked for and told."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from outdial_server.gateway.truedy.batch_shapes import PhoneNumber

CallStatus = Literal["queued", "ringing", "in-progress", "ended", "failed", "cancelled"]
CallStatusFilter = Literal[
    "queued",
    "ringing",
    "in-progress",
    "in_progress",
    "ended",
    "completed",
    "failed",
    "cancelled",
]
Direction = Literal["inbound", "outbound"]

Seconds = Annotated[str, Field(pattern=r"^[0-9]{1,5}s$", examples=["30s"])]

_STRICT = ConfigDict(strict=True)


class CallSettings(BaseModel):
    """`recording_enabled`, `transcription_enabled` and `greeting` are the agent platform's: they
    are given back, and nothing is done with them."""

    model_config = _STRICT

    recording_enabled: bool = True
    transcription_enabled: bool = True
    greeting: Annotated[str, Field(max_length=4096)] | None = None
    max_duration: Seconds = "3600s"
    join_timeout: Seconds = "30s"


class NewCall(BaseModel):
    model_config = _STRICT

    agent_id: str
    phone_number: PhoneNumber
    from_number: PhoneNumber | None = Field(None, description="One of the agent's.")
    variables: dict[str, Any] | None = Field(None, description="Values are taken as texts.")
    call_settings: CallSettings | None = None


class Turn(BaseModel):
    speaker: Literal["agent", "contact"]
    text: str
    timestamp: float | None


class Call(BaseModel):
    id: str
    agent_id: str
    batch_call_id: str | None
    phone_number: str
    from_number: str | None
    direction: Literal["outbound"] = "outbound"
    status: CallStatus
    variables: dict[str, Any]
    call_settings: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_seconds: int | None
    end_reason: str | None
    summary: str | None
    recording_url: str | None
    transcript: list[Turn]
