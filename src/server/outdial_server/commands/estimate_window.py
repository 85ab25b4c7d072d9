"""EstimateWindow."""

from dataclasses import dataclass, replace

from outdial_server.commands.new_batch import BatchPlanner, BatchSpec
from outdial_server.domain.checks import Checks
from outdial_server.domain.limits import IMPORT_ROWS_MAX
from outdial_server.domain.window_estimate import WindowCheck, WindowEstimate
from outdial_server.ports.intake import IntakeStore


@dataclass(frozen=True, slots=True)
class EstimateWindow:
    intake: IntakeStore
    planner: BatchPlanner

    async def execute(self, spec: BatchSpec, people: int) -> WindowEstimate:
        """Raises what CreateBatch raises for the settings of a batch, but for its name."""
        checks = Checks()
        checks.number("call_count", people, 0, IMPORT_ROWS_MAX)
        checks.raise_if_any()
        settings = replace(
            spec.settings,
            display_name=spec.settings.display_name or "estimate",
            window_check=WindowCheck.WARN,
        )
        new = self.planner.plan(replace(spec, settings=settings))
        return await self.intake.estimate_window(new, people)
