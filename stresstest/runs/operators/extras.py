"""Extras: what one key of the run file needs and nothing else does."""

from __future__ import annotations

from importlib.util import find_spec

EXTRAS = {"metrics": ("prometheus_client", "prometheus-client>=0.20"), "notify": ("apprise", "apprise>=1.9")}
"""Module and requirement by key, which is also the name of the extra in pyproject.toml."""


def has(extra: str) -> bool:
    """Whether the package of an extra is installed."""
    return find_spec(EXTRAS[extra][0]) is not None
