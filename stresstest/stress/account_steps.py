"""From equity at base to excess or shortfall in a scenario, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from stresstest.margin.explain import Explanation
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.tables import ACCOUNT_STEPS

UNDERLYINGS = 5
ASSETS = 3
"""Largest movers that are steps of their own; the others are one."""


@dataclass(frozen=True)
class _Change:
    """A step; `subject` None: `subjects` of them together."""

    kind: str
    amount: float
    subject: str | None = None
    subjects: int = 1


@dataclass
class _Waterfall:
    """Steps in order. A level is the run's own figure; the last change before it takes up the rounding between two derivations."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    level: float = 0.0

    def total(self, kind: str, level: float) -> None:
        self.level = level + 0.0
        self._add(kind, None, 1, True, self.level)

    def changes(self, changes: Iterable[_Change], until: float) -> None:
        """Changes from here until a level; those of nothing but rounding are left out."""
        found = list(changes)
        noise = 1e-12 * max(abs(self.level), abs(until), *(abs(change.amount) for change in found), 0.0)
        moved = [change for change in found if abs(change.amount) > noise]
        for number, change in enumerate(moved):
            last = number + 1 == len(moved)
            amount = until - self.level if last else change.amount
            self.level = until if last else self.level + amount
            self._add(change.kind, change.subject, change.subjects, False, amount)

    def _add(self, kind: str, subject: str | None, subjects: int, total: bool, amount: float) -> None:
        self.rows.append({"kind": kind, "subject": subject, "subjects": subjects, "total": total, "amount": amount, "level": self.level})


def account_steps(explanation: Explanation, account: Mapping[str, Any], resolved: Resolved, dimensions: Dimensions) -> pl.DataFrame:
    """The steps of one account in the table `account_steps`.

    equity at base + position P&L by underlying + collateral P&L by asset - what is lost at its location = equity; - haircuts and whatever
    else does not count = margin balance; - maintenance margin = excess, negative where it is short. Of several pools, surplus of one does
    not make good what another is short of: `surplus elsewhere` takes it off, and what remains is less the margin shortfall.

    Args:
        explanation: of the account, at base and in its worst headline scenario.
        account: its row of account_summary.
        resolved: of the run.
        dimensions: of the book.
    """
    scenario = account["worst_headline_scenario_id"]
    of_scenario = pl.col("scenario_id") == scenario
    positions, balances, tokens = (frame.filter(of_scenario) for frame in (explanation.positions, explanation.balances, explanation.tokens))
    stressed = {
        name: float(account[f"worst_headline_{name}"])
        for name in ("equity", "position_pnl", "margin_balance", "maintenance_margin", "margin_shortfall")
    }
    steps = _Waterfall()
    steps.total("equity at base", float(account["equity"]))
    steps.changes(_by_size(_sums(positions, "underlying", "value_change"), "position P&L", UNDERLYINGS), steps.level + stressed["position_pnl"])
    steps.changes(_collateral(balances, scenario, resolved, dimensions), stressed["equity"])
    steps.total("equity", stressed["equity"])
    steps.changes(_not_counted(positions, tokens), stressed["margin_balance"])
    steps.total("margin balance", stressed["margin_balance"])
    excess = stressed["margin_balance"] - stressed["maintenance_margin"]
    steps.changes([_Change("maintenance margin", -stressed["maintenance_margin"])], excess)
    steps.total("excess", excess)
    shortfall = stressed["margin_shortfall"]
    # One pool's shortfall is its excess, to the last bit or but for rounding.
    if shortfall > 0.0 and -shortfall < excess - 1e-9 * max(abs(excess), shortfall, 1.0):
        steps.changes([_Change("surplus elsewhere", -shortfall - excess)], -shortfall)
        steps.total("shortfall", -shortfall)
    of_account = explanation.accounts.row(0, named=True)
    return (
        pl.DataFrame(steps.rows, infer_schema_length=None)
        .with_row_index("step", offset=1)
        .with_columns(
            pl.col("subject").cast(pl.String),
            owner_id=pl.lit(of_account["owner_id"]),
            account_id=pl.lit(of_account["account_id"]),
            scenario_id=pl.lit(scenario),
        )
        .select(ACCOUNT_STEPS.names)
    )


def _sums(rows: pl.DataFrame, group: str, amount: str) -> dict[str, float]:
    """Exactly rounded sums, whatever the order."""
    found: dict[str, list[float]] = {}
    for name, value in rows.select(group, amount).iter_rows():
        found.setdefault(name, []).append(value)
    return {name: math.fsum(values) for name, values in found.items()}


def _by_size(amounts: Mapping[str, float], kind: str, most: int) -> list[_Change]:
    """The largest, then the others as one."""
    order = sorted((name for name, amount in amounts.items() if amount != 0.0), key=lambda name: (-abs(amounts[name]), name))
    # One more is shown by itself rather than as "1 other".
    shown = len(order) if len(order) <= most + 1 else most
    changes = [_Change(kind, amounts[name], name) for name in order[:shown]]
    rest = order[shown:]
    return [*changes, _Change(kind, math.fsum(amounts[name] for name in rest), None, len(rest))] if rest else changes


def _collateral(balances: pl.DataFrame, scenario: str, resolved: Resolved, dimensions: Dimensions) -> list[_Change]:
    """By asset what prices take, then what is lost where deposits are held."""
    prices = dimensions.assets.select("asset", unit=pl.Series(resolved.value[:, resolved.ids.index(scenario)]))
    at_price = pl.col("amount") * pl.col("unit")
    rows = balances.join(prices, on="asset", how="left", maintain_order="left").with_columns(
        moved=at_price - pl.col("base_value"), lost=pl.when(pl.col("holding_share") != 1.0).then(pl.col("stressed_value") - at_price).otherwise(0.0)
    )
    lost = _Change("collateral lost", math.fsum(rows["lost"]), None, rows.filter(pl.col("lost") != 0.0)["asset"].n_unique())
    return [*_by_size(_sums(rows, "asset", "moved"), "collateral P&L", ASSETS), lost]


def _not_counted(positions: pl.DataFrame, tokens: pl.DataFrame) -> list[_Change]:
    """Why the margin balance is not the equity, in the order in which the methodology takes it off."""
    credited = pl.col("joined_maintenance") + pl.col("added_maintenance") - pl.col("stressed_value")
    paid = pl.col("style") == "paid option"
    net, ratio = pl.col("net_maintenance"), pl.col("ratio")
    held, owed = tokens.filter(net >= 0.0), tokens.filter(net < 0.0)
    sources = (
        ("profit not counted", positions.filter(~paid), credited),
        ("long options not counted", positions.filter(paid), credited),
        ("collateral ratio", held, net * (ratio - 1.0)),
        ("haircut", held, pl.col("margin_value_maintenance") - net * ratio),
        ("liability weight", owed, pl.col("margin_value_maintenance") - net),
    )
    return [_Change(kind, math.fsum(rows.select(amount.alias("amount"))["amount"])) for kind, rows, amount in sources]
