"""The carriers of a server, by name."""

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.carriers.simulated.local import LocalSimulatedCarrier
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.domain.report import CallReport
from support.carriers import FunctionCarrier
from support.clock import ManualClock


class Nowhere:
    """ReportSink."""

    def put(self, report: CallReport) -> None:
        raise AssertionError("nobody is called")


async def test_rates_are_those_that_carriers_have_by_default() -> None:
    assert dict(CarrierRegistry(FunctionCarrier()).rates.defaults) == {}
    new_id = UuidV7Ids(ManualClock()).new_id
    for profile, defaults in (
        (SimulationProfile(), {}),
        (SimulationProfile(calls_per_second=2.5), {"simulated": 2.5}),
    ):
        registry = CarrierRegistry(LocalSimulatedCarrier(profile, Nowhere(), new_id))
        assert dict(registry.rates.defaults) == defaults
