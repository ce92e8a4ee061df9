"""What scenarios do to margin: to what of the equity does not count, and to the requirement, with margin parameters apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import polars as pl

from stresstest.margin.explain import Explanation
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

BASE, THERE, PARAMETERS, REST = "base", "there", "parameters", "rest"
"""The states that a requirement is looked at in: base, the scenario, margin parameters of the scenario at base, everything else of the scenario."""

_REQUIREMENT = {BASE: 0.5, PARAMETERS: 0.5, THERE: -0.5, REST: -0.5}
_PARAMETERS = {BASE: 0.5, REST: 0.5, THERE: -0.5, PARAMETERS: -0.5}
_CHANGE = {BASE: 1.0, THERE: -1.0}
"""Weights of the states in what takes away from the excess: minus the mean of two orders, minus the change."""

Line = tuple[str, str, str | None, float]
"""Account, kind, subject, amount."""


@dataclass(frozen=True)
class States:
    """What is to be explained: `resolved` and `units` of a few states, base first, and which of them is which state of an account in a scenario."""

    resolved: Resolved
    units: UnitValues
    names: Mapping[int, Mapping[str, str]]
    """By position of the scenario in the run."""

    def of(self, accounts: Iterable[tuple[str, int]]) -> pl.DataFrame:
        """`account_id, scenario_id, state` of accounts in their scenarios (by position in the run)."""
        rows = [(account, name, state) for account, scenario in accounts for state, name in self.names[scenario].items()]
        return pl.DataFrame(rows, schema={"account_id": pl.String, "scenario_id": pl.String, "state": pl.String}, orient="row")


def rates_move(resolved: Resolved, scenario: int) -> bool:
    """Whether a scenario (by position) moves any margin rate."""
    return any(rates[scenario] != 1.0 for rates in resolved.margin_rate.values())


def states_of(resolved: Resolved, units: UnitValues, scenarios: Sequence[int]) -> States:
    """The states in which accounts must be explained: base, the scenarios, and of those that move margin rates the two states between."""
    stressed = sorted({*scenarios} - {0})
    between = [scenario for scenario in stressed if rates_move(resolved, scenario)]
    values = [0, *stressed, *(0 for _ in between), *between]
    rates = [0, *stressed, *between, *(0 for _ in between)]
    # Ids have no spaces, so these are nobody's.
    alone = {scenario: f"{resolved.ids[scenario]} parameters" for scenario in between}
    rest = {scenario: f"{resolved.ids[scenario]} rest" for scenario in between}
    ids = (*(resolved.ids[scenario] for scenario in (0, *stressed)), *alone.values(), *rest.values())
    names = {
        scenario: {
            BASE: resolved.ids[0],
            THERE: resolved.ids[scenario],
            PARAMETERS: alone.get(scenario, resolved.ids[0]),
            REST: rest.get(scenario, resolved.ids[scenario]),
        }
        for scenario in scenarios
    }
    few = replace(resolved.take(values), ids=ids, margin_rate={name: moved[rates] for name, moved in resolved.margin_rate.items()})
    return States(few, units.take(values), names)


def not_counted_lines(explanation: Explanation, states: pl.DataFrame) -> Iterator[Line]:
    """Minus the changes of what does not count: of tokens `haircut` (haircut, collateral ratio, weight of debts, conservative prices); of positions
    `not_counted` (weights and caps of profits, credit of long options, conservative marks)."""
    tokens = explanation.tokens.select(
        "account_id", "scenario_id", subject="asset", amount=pl.col("net_maintenance") - pl.col("margin_value_maintenance")
    )
    credited = pl.col("joined_maintenance") + pl.col("added_maintenance")
    positions = explanation.positions.select("account_id", "scenario_id", subject="underlying", amount=pl.col("stressed_value") - credited)
    for kind, rows in (("haircut", tokens), ("not_counted", positions)):
        for (account, subject), amount in _sums(rows.filter(pl.col("amount") != 0.0), states, _CHANGE, "subject").items():
            yield account, kind, subject, amount


class _Names(NamedTuple):
    """Which margin rates there are on a requirement: of its schedule, of its model."""

    schedule: str | None
    model: str | None


def requirement_lines(
    explanation: Explanation, states: pl.DataFrame, dimensions: Dimensions, rulebook: Rulebook, resolved: Resolved, scenarios: Mapping[str, int]
) -> Iterator[Line]:
    """Minus the changes of the maintenance requirement: `requirement` by risk group at unchanged margin parameters, and `margin_parameters`.

    With p the parameters and x everything else, `requirement` is the mean of R(x_s, p_0) - R(x_0, p_0) and R(x_s, p_s) - R(x_0, p_s),
    `margin_parameters` the mean of R(x_0, p_s) - R(x_0, p_0) and R(x_s, p_s) - R(x_s, p_0). Where rates of a schedule and of a model
    both move, the same mean splits what they do.

    Args:
        explanation: of the accounts in all their states.
        states: see `States.of`.
        dimensions: of the book.
        rulebook: the margin file.
        resolved: factor values of every scenario of the run.
        scenarios: by account, its scenario (by position).
    """
    rows = _requirements(explanation, dimensions)
    for (account, subject), amount in _sums(rows, states, _REQUIREMENT, "subject").items():
        yield account, "requirement", subject, amount
    moved = [account for account, scenario in scenarios.items() if rates_move(resolved, scenario)]
    if not moved:
        return
    models = dict(dimensions.accounts.select("account_id", "margin_model").filter(pl.col("account_id").is_in(moved)).iter_rows())
    found = _sums(rows.filter(pl.col("account_id").is_in(moved)), states, _PARAMETERS, "schedule", "charged")
    for (account, schedule, charged), amount in found.items():
        apart = charged and rulebook.models[models[account]].kind == "strategy"
        names = _Names(schedule, None if apart else models[account])
        for subject, share in _shares(names, resolved, scenarios[account]):
            yield account, "margin_parameters", subject, amount * share


def _shares(names: _Names, resolved: Resolved, scenario: int) -> list[tuple[str | None, float]]:
    """How much of what margin rates do is that of each name: of two that move, the mean of both orders, (r - 1)(other + 1) / 2 of r * other - 1."""
    rates = {name: float(resolved.margin_rate[name][scenario]) for name in names if name is not None and name in resolved.margin_rate}
    moving = [(name, rate) for name, rate in rates.items() if rate != 1.0]
    if len(moving) < 2:
        return [(moving[0][0] if moving else names.model, 1.0)]
    (first, rate), (second, other) = moving
    both = rate * other - 1.0
    # Rates that undo each other leave nothing to split.
    share = 0.5 if both == 0.0 else (rate - 1.0) * (other + 1.0) / (2.0 * both)
    return [(first, share), (second, 1.0 - share)]


def _requirements(explanation: Explanation, dimensions: Dimensions) -> pl.DataFrame:
    """Everything that makes up R_MM: `account_id, scenario_id, subject`, the `schedule` that charges it (`charged`: as schedules do), `amount`."""
    group_of = dict(dimensions.instruments.select("instrument_id", "risk_group").iter_rows())
    of_underlying: dict[str, set[str]] = {}
    for underlying, group in dimensions.instruments.select("underlying", "risk_group").unique().iter_rows():
        of_underlying.setdefault(underlying, set()).add(group)
    # A net of instruments of several groups is in none of them.
    net_of = {underlying: next(iter(groups)) if len(groups) == 1 else underlying for underlying, groups in of_underlying.items()}
    schedules = explanation.positions.select("account_id", "pool_id", "scenario_id", "schedule", subject="instrument_id")
    orders = explanation.orders.join(schedules, on=["account_id", "pool_id", "scenario_id", "subject"], how="left", maintain_order="left")
    instrument = pl.col("instrument_id").replace_strict(group_of, default=None, return_dtype=pl.String)
    net = pl.col("underlying").replace_strict(net_of, default=None, return_dtype=pl.String)
    none, by_schedule = pl.lit(None, pl.String), pl.lit(value=True)
    parts = (
        explanation.charges.select(*_KEY, "schedule", _AMOUNT, subject=pl.coalesce(instrument, net), charged=by_schedule),
        explanation.strategies.select(*_KEY, _AMOUNT, subject=net, schedule=none, charged=~by_schedule),
        explanation.scans.select(*_KEY, _AMOUNT, subject="scan", schedule=none, charged=~by_schedule),
        explanation.add_ons.filter(pl.col("combine") == "add").select(
            *_KEY, _AMOUNT, subject=pl.coalesce("risk_group", "line"), schedule=none, charged=~by_schedule
        ),
        orders.select(
            *_KEY,
            "schedule",
            _AMOUNT,
            subject=pl.col("subject").replace_strict(group_of, default="open orders", return_dtype=pl.String),
            charged=by_schedule,
        ),
    )
    return pl.concat([part.select(*_KEY, "subject", "schedule", "charged", "amount") for part in parts])


_KEY = ("account_id", "scenario_id")
_AMOUNT = pl.col("requirement_maintenance").fill_null(0.0).alias("amount")


def _sums(rows: pl.DataFrame, states: pl.DataFrame, weights: Mapping[str, float], *keys: str) -> dict[tuple[Any, ...], float]:
    """By account and keys the exactly rounded sum of amounts, each times the weight of its state: what does not change is exactly zero."""
    weighted = states.with_columns(weight=pl.col("state").replace_strict(weights, default=0.0, return_dtype=pl.Float64)).filter(
        pl.col("weight") != 0.0
    )
    joined = rows.join(weighted, on=list(_KEY), how="inner", maintain_order="left")
    amounts = joined.group_by("account_id", *keys, maintain_order=True).agg(pl.col("amount") * pl.col("weight"))
    return {tuple(key): math.fsum(parts) for *key, parts in amounts.iter_rows()}
