"""Requests to others: how one is sent once, and where it may go."""
