"""Telnyx Call Control, API v2."""
