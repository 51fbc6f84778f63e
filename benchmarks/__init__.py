"""Timings, in tables that compare variants of one run: `make benchmark`."""
