"""The names of a margin file that scenarios can shock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MarginNames:
    """Names that `margin_rate:NAME` may mean.

    `schedules` are the margin schedules, `tiered_models` the models whose requirement comes from schedules (only
    matched by name), `other_models` those with a requirement of their own (matched by `*` as well).
    """

    schedules: tuple[str, ...] = ()
    tiered_models: tuple[str, ...] = ("default",)
    other_models: tuple[str, ...] = ()
