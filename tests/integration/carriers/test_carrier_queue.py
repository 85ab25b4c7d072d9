"""A carrier that queues: what it has not dialled is taken back once it may not ring any more. The
judge is the far end's own record."""

from dataclasses import replace
from pathlib import Path

import pytest
from outdial.v1.carrier_credentials_pb2 import TwilioCredentials
from outdial.v1.scheduled_call_pb2 import ScheduledCallState
from tests.integration.carriers.outdial import QUICK, far_end, outdial

from outdial_server.carriers.simulated.profile import Mode, Span
from outdial_server.carriers.simulated.script import Status
from outdial_server.domain.call import Disposition
from support.far_twilio import SID, TOKEN, TwilioFace

ONE_LINE = replace(
    QUICK,
    mode=Mode.QUEUEING,
    max_concurrent_calls=1,
    talk_ms=Span(3_600_000, 3_600_000),
    answered_human=1,
    answered_machine=0,
    busy=0,
    no_answer=0,
    rejected=0,
    failed=0,
    invalid_number=0,
)
"""Whoever is called first talks for ever, and all others wait in the carrier's queue."""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_who_waits_in_the_queue_of_the_carrier_when_the_batch_is_paused_never_rings(
    tmp_path: Path,
) -> None:
    """But for one whose phone begins to ring between the question and the cancel."""
    twilio = TwilioFace()
    async with (
        far_end(twilio, ONE_LINE) as (far, url),
        outdial(tmp_path) as server,
    ):
        credentials = TwilioCredentials(account_sid=SID, auth_token=TOKEN, base_url=url)
        config = await server.add_config(credentials)
        batch_id = await server.add_batch(await server.add_agent(), 4)

        async def rate() -> float:
            found = await server("GetCarrierConfig", carrier_config_id=config.carrier_config_id)
            return float(found.carrier_config.effective_calls_per_second)

        while len(far.calls()) < 4:
            await rate()
        # So many that wait there are more than the account takes, as its record shows.
        await far.is_asked_about(far.calls()[1])
        while await rate() == 500:
            pass
        assert [call.status for call in far.calls()].count(None) == 3
        talking, *others = far.calls()
        rung = others[1]
        twilio.rings_before_cancel.add(rung.to)
        await server("PauseBatch", batch_id=batch_id)
        await server.when(batch_id, lambda b: (b.counts.waiting, b.counts.failed) == (2, 1))
        assert talking.status is Status.ANSWERED
        assert {call.disposition for call in others} == {Disposition.CANCELLED}
        rows = await server("ListScheduledCalls", batch_id=batch_id)
        (called,) = [
            row
            for row in rows.scheduled_calls
            if row.state == ScheduledCallState.SCHEDULED_CALL_STATE_FAILED
        ]
        assert called.address == rung.to
        shown = await server("GetCarrierConfig", carrier_config_id=config.carrier_config_id)
        assert shown.carrier_config.active_calls == 1
