"""Scenarios held against a book without running them: `scenarios lint` and `scenarios expand`."""
