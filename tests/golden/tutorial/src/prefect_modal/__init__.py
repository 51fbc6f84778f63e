"""Prefect flows, run on Modal."""
