"""A list whose calls pass every rule that there is, each with room to spare."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import uvloop

from benchmarks.lists import CARRIER, StoredList, draft_of, opened, people, store_batch
from outdial_server.app.foundation import Foundation
from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import Disposition
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.ids import (
    AccountId,
    AgentId,
    CarrierConfigId,
    PhoneNumberId,
    ThrottleId,
)
from outdial_server.domain.number_rotation import Rotation
from outdial_server.domain.number_rules import NumberRules
from outdial_server.domain.phone_number import PhoneNumberFields
from outdial_server.domain.retry_policy import Backoff, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule

ZONES = ("Europe/Vienna", "America/New_York", "Asia/Kolkata", "")
ALL_DAY = CallingHours(EVERY_DAY, 0, 24 * 60)
MANY = 1_000_000
NUMBERS = 10
SUPPRESSED = 10_000


def store_ruled_list(url: str, rows: int, slots: int = 100) -> StoredList:
    """As `store_list`, with hours, zones, a daily cap, a throttle, a carrier config with a
    rate, rules for numbers, a do-not-call list, numbers in turn, texts and a retry policy."""
    return uvloop.run(_store(url, rows, slots))


async def _store(url: str, rows: int, slots: int) -> StoredList:
    async with opened(url) as base:
        account_id = AccountId(base.ids.new_id())
        agent_id = AgentId(base.ids.new_id())
        made = _Rules(base, account_id, agent_id, slots)
        await made.account()
        await made.agent()
        throttle, config = await made.throttle(), await made.carrier_config()
        settings = replace(_SETTINGS, throttle=throttle, carrier_config=config)
        new = draft_of(base, account_id, agent_id, settings)
        await store_batch(base.store, new, _slices(rows))
    return StoredList(url, account_id, agent_id, new.batch_id, slots, rows)


_SETTINGS = BatchSettings(
    "Reminders",
    max_concurrent_calls=1000,
    rotation=Rotation.ROUND_ROBIN,
    retry_policy=RetryPolicy(
        (RetryRule(Disposition.BUSY, Backoff(timedelta(minutes=5), 2.0, timedelta(hours=2), 0.2)),),
        3,
    ),
    time_zone="Europe/Vienna",
    calling_hours=ALL_DAY,
    max_calls_per_day=MANY,
)


@dataclass(frozen=True, slots=True)
class _Rules:
    base: Foundation
    account_id: AccountId
    agent_id: AgentId
    slots: int

    async def account(self) -> None:
        store = self.base.store
        await store.accounts.create_account(self.account_id, "Harbour Clinic", self.slots, 0)
        rules = NumberRules(timedelta(hours=1), 3)
        await store.accounts.change_account(
            self.account_id, lambda a: replace(a, number_rules=rules)
        )
        listed = [person.normalized_address for person in people(SUPPRESSED, first=MANY)]
        for first in range(0, SUPPRESSED, SLICE_ROWS):
            await store.suppressions.put_suppressions(
                self.account_id, listed[first : first + SLICE_ROWS], SuppressionFields("", "")
            )

    async def agent(self) -> None:
        store = self.base.store
        fields = AgentFields("Ada", 1000, {}, prompt="Call {{name}} about {{visit.day}}.")
        await store.agents.create_agent(self.account_id, self.agent_id, fields)
        for number in people(NUMBERS, first=2 * MANY):
            number_id = PhoneNumberId(self.base.ids.new_id())
            of_number = PhoneNumberFields(max_concurrent_calls=self.slots)
            await store.phone_numbers.create_phone_number(
                self.account_id, number_id, number.address, of_number
            )
            await store.phone_numbers.bind_phone_number(self.account_id, number_id, self.agent_id)

    async def throttle(self) -> str:
        rules = (ThrottleRule(MANY, timedelta(hours=1)), ThrottleRule(MANY, timedelta(seconds=1)))
        throttle_id = ThrottleId(self.base.ids.new_id())
        await self.base.store.throttles.create_throttle(
            self.account_id, throttle_id, ThrottleFields("wide", rules)
        )
        return throttle_id

    async def carrier_config(self) -> str:
        config_id = CarrierConfigId(self.base.ids.new_id())
        fields = CarrierConfigFields("main", 1000, 10_000)
        await self.base.store.carrier_configs.create_carrier_config(
            self.account_id, config_id, CARRIER, fields, CarrierRates({})
        )
        return config_id


def _slices(rows: int) -> Iterator[list[NewScheduledCall]]:
    """A quarter of the people say no zone: theirs is the batch's."""
    for first in range(0, rows, SLICE_ROWS):
        listed = people(min(SLICE_ROWS, rows - first), first)
        yield [
            replace(
                person,
                time_zone=ZONES[place % len(ZONES)],
                template_context_json='{"name":"Grace","visit":{"day":"Monday"}}',
            )
            for place, person in enumerate(listed)
        ]
