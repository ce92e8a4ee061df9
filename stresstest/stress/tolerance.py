"""What is no more than rounding beside an account's positions."""

from __future__ import annotations

TOLERANCE = 0.01
"""Smallest tolerance of a status test, in reporting currency (SPEC 5)."""
RELATIVE_TOLERANCE = 1e-9
"""The same as a share of gross notional."""
