"""Twilio Programmable Voice, API 2010-04-01."""
