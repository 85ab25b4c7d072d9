"""Outdial's server."""
