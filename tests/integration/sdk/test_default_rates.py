"""A carrier config without a rate of its own is paced as its carrier says."""

from outdial_client import NewBatch, NewCall
from outdial_client.testing import running_server


async def test_the_carriers_own_rate_holds_and_is_told() -> None:
    async with (
        running_server(carrier={"calls_per_second": 0.05}) as server,
        server.client() as client,
    ):
        config = await client.carrier_configs.create("main", "simulated")
        assert (config.calls_per_second, config.effective_calls_per_second) == (0, 0.05)
        agent = await client.agents.create("Ada")
        new = NewBatch(agent_id=agent.agent_id, display_name="list", carrier_config="main")
        made = await client.batches.create(
            new, [NewCall(address=f"+1555123000{n}") for n in range(3)]
        )
        async for update in client.batches.watch(made.batch.batch_id):
            if update.counts.completed:
                break
        explained = await client.batches.explain(made.batch.batch_id)
        (gate,) = [gate for gate in explained.gates if gate.name == "carrier_rate"]
        assert (gate.reason, dict(gate.figures)) == (
            "CARRIER_RATE_REACHED",
            {"used": 1, "cap": 1, "window_ms": 20_000},
        )
