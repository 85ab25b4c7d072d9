"""Who and what is there before anything happens."""

from collections.abc import Sequence
from dataclasses import dataclass

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.ids import AccountId, AgentId, CarrierConfigId, ThrottleId, WebhookId
from outdial_server.domain.throttle import ThrottleFields
from outdial_server.domain.webhook import WebhookFields
from outdial_server.ports.identity import IdSource
from outdial_server.storage.store import Store
from simulation.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Founded:
    account_id: AccountId
    agent_ids: Sequence[AgentId]
    throttle_id: ThrottleId
    config_id: CarrierConfigId


async def found(store: Store, ids: IdSource, scenario: Scenario) -> Founded:
    account_id = AccountId(ids.new_id())
    await store.accounts.create_account(
        account_id, "Harbour Clinic", scenario.account_cap, scenario.reserved
    )
    agent_ids = [AgentId(ids.new_id()) for _ in range(scenario.agents)]
    for number, agent_id in enumerate(agent_ids):
        fields = AgentFields(f"Ada {number}", 3 if number else None, {})
        await store.agents.create_agent(account_id, agent_id, fields)
    throttle_id, config_id = ThrottleId(ids.new_id()), CarrierConfigId(ids.new_id())
    await store.throttles.create_throttle(
        account_id, throttle_id, ThrottleFields("slow", scenario.rules)
    )
    await store.carrier_configs.create_carrier_config(
        account_id, config_id, "simulated", CarrierConfigFields("main", 3, 2), CarrierRates({})
    )
    if scenario.has_webhook:
        await store.webhooks.create_webhook(
            account_id,
            WebhookId(ids.new_id()),
            WebhookFields("https://hooks.example.com/"),
            "sealed",
        )
    return Founded(account_id, agent_ids, throttle_id, config_id)
