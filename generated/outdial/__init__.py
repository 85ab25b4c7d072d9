"""Outdial's generated gRPC code, by version of the contract."""
