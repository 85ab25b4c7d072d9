"""Plivo Voice, API v1."""
