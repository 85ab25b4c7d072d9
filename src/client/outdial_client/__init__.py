"""Outdial's Python client."""
