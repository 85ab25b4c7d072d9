"""What can be said about a batch."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Annotated, Any, cast

import typer
from outdial.v1.calling_hours_pb2 import ZoneRule

from outdial_client._calling_hours import CallingHours
from outdial_client.cli._choices import (
    CONFIG_ERROR_POLICIES,
    DUPLICATE_POLICIES,
    MEDIA,
    PACINGS,
    RETRY_CALLER_IDS,
    ROTATIONS,
    UNKNOWN_POLICIES,
    WINDOW_CHECKS,
    choice,
)
from outdial_client.cli._completion import complete_agents, complete_batches
from outdial_client.cli._retry_rules import parse_retry_policy
from outdial_client.cli._typed import (
    parse_context,
    parse_days,
    parse_hours,
    parse_moment,
    parse_pairs,
    parse_secret,
)

BatchId = Annotated[
    str,
    typer.Argument(metavar="BATCH", autocompletion=complete_batches, help="The batch's id."),
]
AgentOption = Annotated[str, typer.Option(autocompletion=complete_agents, help="Name or id.")]

CarrierParams = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Of the carrier's own: JSON or text. May be repeated."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """What may be changed later, too; None is: not said."""

    window_start: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="Earliest moment to dial."),
    ] = None
    window_end: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="No call is started from here on."),
    ] = None
    max_concurrent_calls: Annotated[
        int | None,
        typer.Option(
            "--max-concurrent", min=0, help="Calls alive at once; 0 for no limit of its own."
        ),
    ] = None
    priority: Annotated[
        int | None, typer.Option(min=0, max=9, help="Higher gets free slots first.")
    ] = None
    weight: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Share of the slots within a priority; 1."),
    ] = None
    caller_id: Annotated[str | None, typer.Option(help="Number to show, +15551230000.")] = None
    number: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER", help="One of the numbers that calls show in turn; may be repeated."
        ),
    ] = None
    rotation: Annotated[
        int | None, choice(ROTATIONS, "HOW", "How they take turns; else at random.")
    ] = None
    throttle: Annotated[
        str | None, typer.Option(help="Id or name of the throttle that it is dialled through.")
    ] = None
    carrier_config: Annotated[
        str | None, typer.Option(help="Id or name of the account at a carrier to dial through.")
    ] = None
    carrier_param: CarrierParams = None
    webhook_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="What is told of calls that nobody dials."),
    ] = None
    webhook_secret: Annotated[
        str | None,
        typer.Option(
            parser=parse_secret, metavar="TEXT", help="What that is signed with, or @FILE."
        ),
    ] = None
    ring_timeout: Annotated[
        int | None,
        typer.Option(min=1, max=600, metavar="SECONDS", help="How long it may ring; 30."),
    ] = None
    max_call_duration: Annotated[
        int | None,
        typer.Option(min=1, max=86_400, metavar="SECONDS", help="How long a call may last; 3600."),
    ] = None
    retry: Annotated[
        list[str] | None,
        typer.Option(
            metavar="END=WAITS",
            help="Call again after such an end: no-answer=15m,1h, or growing up to a cap, "
            "busy=5m..2h. May be repeated.",
        ),
    ] = None
    max_attempts: Annotated[
        int | None,
        typer.Option(min=1, max=10, help="Calls that a person gets in all; 3. With --retry."),
    ] = None
    retry_caller_id: Annotated[
        int | None,
        choice(RETRY_CALLER_IDS, "WHICH", "The number that later calls show; else keep."),
    ] = None
    unknown_policy: Annotated[
        int | None,
        choice(UNKNOWN_POLICIES, "POLICY", "For calls of which nobody knows if they were placed."),
    ] = None
    on_config_error: Annotated[
        int | None,
        choice(CONFIG_ERROR_POLICIES, "POLICY", "When the carrier would refuse every call."),
    ] = None
    hours: Annotated[
        str | None,
        typer.Option(parser=parse_hours, metavar="HH:MM-HH:MM", help="When people are called."),
    ] = None
    days: Annotated[
        str | None,
        typer.Option(parser=parse_days, metavar="DAYS", help="Of the hours: mon-fri,sun."),
    ] = None
    max_calls_per_day: Annotated[
        int | None,
        typer.Option("--max-per-day", min=0, help="Calls started on one date; 0 for no limit."),
    ] = None
    expected_call_duration: Annotated[
        int | None,
        typer.Option(
            min=1, max=86_400, metavar="SECONDS", help="What the check of the window reckons with."
        ),
    ] = None
    window_check: Annotated[
        int | None,
        choice(WINDOW_CHECKS, "CHECK", "A window that is too short for all; else refuse."),
    ] = None
    pacing: Annotated[
        int | None,
        choice(PACINGS, "HOW", "How a day's calls go out; else as fast as possible."),
    ] = None
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of the hours, Europe/Vienna; else UTC.")
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="A label of your own; may be repeated."),
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, under the names of NewBatch."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        said["time_zone"] = said.pop("zone")
        said["calling_hours"] = _calling_hours(said.pop("hours"), said.pop("days"))
        said["phone_numbers"] = said.pop("number") or None
        said["metadata"] = parse_pairs(said.pop("label")) or None
        said["carrier_params"] = parse_context(said.pop("carrier_param")) or None
        said["retry_policy"] = parse_retry_policy(said.pop("retry"), said.pop("max_attempts"))
        for name in ("ring_timeout", "max_call_duration", "expected_call_duration"):
            seconds = cast(int | None, said[name])
            said[name] = None if seconds is None else timedelta(seconds=seconds)
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatchSettings(BatchSettings):
    """And what is settled when a batch is made."""

    duplicates: Annotated[
        int | None,
        choice(DUPLICATE_POLICIES, "POLICY", "Numbers that are in the list twice; else keep."),
    ] = None
    carrier: Annotated[str | None, typer.Option(help="Who dials; else the server's own.")] = None
    medium: Annotated[
        int | None,
        choice(MEDIA, "MEDIUM", "Who sees to it that people are reached; else outgoing."),
    ] = None
    recipient_zone: Annotated[
        bool, typer.Option("--recipient-zone", help="Call by the zone that a number tells.")
    ] = False

    def given(self) -> dict[str, Any]:  # type: ignore[explicit-override]
        """What was said, under the names of NewBatch."""
        said = BatchSettings.given(self)
        by_number = said.pop("recipient_zone")
        return said | ({"zone_rule": ZoneRule.ZONE_RULE_RECIPIENT_ZONE} if by_number else {})


def _calling_hours(hours: str | None, days: str | None) -> CallingHours | None:
    if hours is not None:
        start, _, end = hours.partition("-")
        return CallingHours(start=start, end=end, days=days or ())
    if days is not None:
        raise typer.BadParameter("--days are those of --hours; say them, too")
    return None
