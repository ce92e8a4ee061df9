"""What changed between two runs: headline figures and what moved them step by step, breaches and accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from stresstest.results.documents import Document
from stresstest.results.store import conform
from stresstest.stress.headline import BASES, worst_headline
from stresstest.tables import CHANGES, STATUSES

NAME = "changes.json"
"""The document of a run that was set against an earlier one, beside its tables `changes` and `changed_accounts`."""

STEPS = ("code version", "positions", "collateral", "market", "reference data", "scenario set", "margin parameters")
"""What is exchanged, in this order: the split depends on it, since effects work together."""
REST, TOTAL = "rest", "total"

Known = Literal["measured", "unchanged", "with the next", "not known"]
Unit = Literal["money", "accounts"]

FIGURES: tuple[tuple[str, Unit], ...] = (
    ("worst_margin_shortfall", "money"),
    ("worst_uncollateralised_loss", "money"),
    *((f"cover_{n}_{basis}", "money") for basis in BASES for n in (1, 2)),
    *((f"worst_accounts_{status}", "accounts") for status in STATUSES),
    *((f"base_accounts_{status}", "accounts") for status in STATUSES),
    ("base_equity", "money"),
    ("base_collateral_value", "money"),
    ("base_initial_margin", "money"),
    ("base_maintenance_margin", "money"),
    ("gross_notional", "money"),
)  # fmt: skip
"""The headline figures, and what they are in: reporting currency or accounts."""

_STATUS_WORDS = {"ok": "ok", "call": "with a call", "liquidation": "in liquidation", "default": "in default"}
_BASIS_WORDS = {"stress_loss_over_margin": "stress loss over margin", "uncollateralised_loss": "uncollateralised loss"}
WORDS: dict[str, str] = {
    "worst_margin_shortfall": "Worst margin shortfall",
    "worst_uncollateralised_loss": "Worst uncollateralised loss",
    **{f"cover_{n}_{basis}": f"Cover-{n}, {_BASIS_WORDS[basis]}" for basis in BASES for n in (1, 2)},
    **{f"worst_accounts_{status}": f"Accounts {_STATUS_WORDS[status]}, worst scenario" for status in STATUSES},
    **{f"base_accounts_{status}": f"Accounts {_STATUS_WORDS[status]}, base" for status in STATUSES},
    "base_equity": "Equity, base",
    "base_collateral_value": "Collateral value, base",
    "base_initial_margin": "Initial margin, base",
    "base_maintenance_margin": "Maintenance margin, base",
    "gross_notional": "Gross notional, base",
}
"""The headline figures in words."""

Figures = Mapping[str, float | None]


class ComparedRun(Document):
    """A run that is compared. `worst_scenario`: its worst headline scenario; null without any."""

    result_id: str
    name: str
    as_of: str
    code_version: str
    worst_scenario: str | None
    accounts: int
    excluded_accounts: int


class Step(Document):
    """A step, how its change is known, and what there is to say of it."""

    step: str
    known: Known
    note: str


class StepChange(Document):
    """A figure before and after a step; null: not known. `change` is also null where it is in that of the next measured step."""

    step: str
    known: Known
    before: float | None
    after: float | None
    change: float | None


class FigureChange(Document):
    """A headline figure in both runs and what moved it; null: a run has no headline scenario."""

    figure: str
    unit: Unit
    before: float | None
    after: float | None
    change: float | None
    steps: tuple[StepChange, ...]


class BreachCounts(Document):
    """Accounts in liquidation or default in their own worst headline scenario: in each run, and what became of them."""

    before: int
    after: int
    new: int
    cured: int
    worse: int
    better: int
    unchanged: int
    not_known: int


class PresenceCounts(Document):
    """Accounts that came or went between the runs; `excluded` from the later run, `back` after they were excluded from the earlier."""

    came: int
    gone: int
    excluded: int
    back: int


class Changes(Document):
    """What changed. `before` null: there is no earlier run, and `notes` says so. `computed_again`: inputs were exchanged one after the other."""

    schema_version: Literal[1] = 1
    before: ComparedRun | None
    after: ComparedRun
    reporting_currency: str
    computed_again: bool
    notes: tuple[str, ...]
    steps: tuple[Step, ...]
    figures: tuple[FigureChange, ...]
    breaches: BreachCounts | None
    presence: PresenceCounts | None


@dataclass(frozen=True)
class Outcome:
    """A step of the way from run to run: the figures after it, None where they are not known; `note` says why, or what was done."""

    step: str
    known: Known
    figures: Figures | None = None
    note: str = ""


def headline_figures(scenario_summary: pl.DataFrame, gross_notional: float) -> dict[str, float | None]:
    """The headline figures of a run, by name; those over headline scenarios are None where it has none.

    Args:
        scenario_summary: the table, in file order.
        gross_notional: of all accounts at base, reporting currency.
    """
    base = scenario_summary.row(0, named=True)
    headline = scenario_summary.filter("headline")
    worst_id = worst_headline(scenario_summary)
    worst = None if worst_id is None else scenario_summary.row(by_predicate=pl.col("scenario_id") == worst_id, named=True)

    def largest(column: str) -> float | None:
        return float(headline[column].to_numpy().max()) if headline.height else None

    return {
        "worst_margin_shortfall": largest("margin_shortfall"),
        "worst_uncollateralised_loss": largest("uncollateralised_loss"),
        **{f"cover_{n}_{basis}": largest(f"cover_{n}_{basis}") for basis in BASES for n in (1, 2)},
        **{f"worst_accounts_{status}": None if worst is None else float(worst[f"accounts_{status}"]) for status in STATUSES},
        **{f"base_accounts_{status}": float(base[f"accounts_{status}"]) for status in STATUSES},
        **{f"base_{name}": float(base[name]) for name in ("equity", "collateral_value", "initial_margin", "maintenance_margin")},
        "gross_notional": gross_notional,
    }


def summed(amounts: pl.Series) -> float:
    """The sum of a column in the order of its rows: the frame's own may differ in its last bit from time to time."""
    return float(np.cumsum(amounts.to_numpy())[-1]) if len(amounts) else 0.0


def split(before: Figures, outcomes: Sequence[Outcome], after: Figures) -> tuple[FigureChange, ...]:
    """Every figure's way from `before` to `after` through the outcomes of the steps, in their order.

    A step starts at the level that is known last. Where figures after a step are not known, its change is in that of the next measured step
    (`with the next`) or nowhere (`not known`); an unchanged step leaves every figure where it is, its change is exactly zero.
    """
    return tuple(_way(name, unit, before[name], outcomes, after[name]) for name, unit in FIGURES)


def _way(name: str, unit: Unit, before: float | None, outcomes: Sequence[Outcome], after: float | None) -> FigureChange:
    steps = []
    level, lost = before, False
    for outcome in outcomes:
        if outcome.known == "measured" and outcome.figures is not None:
            reached = outcome.figures[name]
            steps.append(StepChange(step=outcome.step, known="measured", before=level, after=reached, change=_less(reached, level)))
            level = reached
        elif outcome.known == "unchanged":
            here = None if lost else level
            steps.append(StepChange(step=outcome.step, known="unchanged", before=here, after=here, change=0.0))
        else:
            lost = lost or outcome.known == "not known"
            steps.append(StepChange(step=outcome.step, known=outcome.known, before=None, after=None, change=None))
    return FigureChange(figure=name, unit=unit, before=before, after=after, change=_less(after, before), steps=tuple(steps))


def _less(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def changes_frame(figures: Sequence[FigureChange]) -> pl.DataFrame:
    """The table `changes`: a row for every figure and step, and one for the whole."""
    rows = []
    for figure in figures:
        whole = StepChange(step=TOTAL, known="measured", before=figure.before, after=figure.after, change=figure.change)
        rows += [{"figure": figure.figure, "place": place, **each.model_dump()} for place, each in enumerate((*figure.steps, whole), start=1)]
    return conform(pl.DataFrame(rows, infer_schema_length=None), CHANGES)


def steps_of(outcomes: Sequence[Outcome]) -> tuple[Step, ...]:
    """The steps without their figures."""
    return tuple(Step(step=each.step, known=each.known, note=each.note) for each in outcomes)


def read_changes(folder: Path) -> Changes | None:
    """What a run learned of its changes; None where it was set against no earlier run."""
    from stresstest.results.documents import read_document

    return read_document(Changes, folder / NAME) if (folder / NAME).is_file() else None
