"""Forecasts: the gates and shares that claim, asked under a clock that jumps from event to
event, with outcomes drawn from what past calls came to."""
