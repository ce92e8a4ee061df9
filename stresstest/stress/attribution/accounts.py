"""Why margin balance less maintenance margin changed from base to a scenario, account by account and over the whole book.

    d(B - R) = dE - d(E - B) - dR

dE by price, vol, rate, basis, time, currency and loss of holdings; E - B, what of the equity does not count, by token and underlying; R by risk
group, with margin parameters apart (docs/methodology.md, section 11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from stresstest.margin.explain import Explanation, Holdings, explain, holdings_of
from stresstest.margin.explain.sums import total
from stresstest.margin.rulebook import PortfolioModel, Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book, Dimensions
from stresstest.stress.attribution.factors import FACTORS, FactorEffects
from stresstest.stress.attribution.margin import BASE, THERE, not_counted_lines, requirement_lines, states_of
from stresstest.stress.attribution.values import balance_lines, position_lines
from stresstest.tables import ATTRIBUTION, ATTRIBUTION_POSITIONS
from stresstest.valuation.unit_values import UnitValues

MOST_POSITIONS = 50_000
"""Positions of an account beyond which what does not count, and the requirement, are one line each: explaining takes 3 kB a position and state."""

ROWS_AT_ONCE = 100_000
"""Rows (positions and all instruments, times states) of accounts of one scenario that are explained at once: about 300 MB."""

_ROWS_A_CALL = 16_000
"""Rows that take as long to explain as one more call does."""

_READ_AT_ONCE = 1_000_000
"""Positions of the accounts that are read before any is explained: about 50 MB."""

_LINES = {"account_id": pl.String, "kind": pl.String, "subject": pl.String, "amount": pl.Float64}


@dataclass(frozen=True)
class Attribution:
    """What the changes of accounts are made of, each in its scenario.

    `lines`: `account_id, kind, subject, amount`, without residual; amounts that are zero are left out. `positions`: `account_id, pool_id,
    instrument_id, underlying`, the effect of every factor, `value_change` and `requirement_change` (null: none of its own). `changes`: per
    account the change of margin balance less maintenance margin as it was derived here.
    """

    lines: pl.DataFrame
    positions: pl.DataFrame
    changes: Mapping[str, float]


class Attributor:
    """Attributes the changes of accounts of one book under one run's scenarios and rules."""

    def __init__(self, dimensions: Dimensions, resolved: Resolved, units: UnitValues, rulebook: Rulebook) -> None:
        self._dimensions, self._resolved, self._units, self._rulebook = dimensions, resolved, units, rulebook
        self._effects = FactorEffects(dimensions, resolved, units)

    def of_accounts(self, holdings: Holdings, scenarios: Mapping[int, int]) -> Attribution:
        """The attribution of all accounts in `holdings`, with what does not count by token and the requirement by risk group.

        Args:
            holdings: of whole accounts.
            scenarios: by code of the account, its scenario (by position).
        """
        ids = self._dimensions.accounts["account_id"]
        there = {ids[code]: scenario for code, scenario in scenarios.items()}
        states = states_of(self._resolved, self._units, [*there.values()])
        explanation = explain(
            self._dimensions, holdings, states.resolved, states.units.mark, self._rulebook, range(states.resolved.scenarios), states.units
        )
        of_accounts = states.of(there.items())
        margin = [
            *not_counted_lines(explanation, of_accounts),
            *requirement_lines(explanation, of_accounts, self._dimensions, self._rulebook, self._resolved, there),
        ]
        values, effects = self._values(holdings, scenarios)
        lines = pl.concat([values, pl.DataFrame(margin, schema=_LINES, orient="row")])
        return Attribution(_summed(lines), self._positions(effects, explanation, of_accounts), _changes(explanation, of_accounts))

    def of_values(self, holdings: Holdings, scenarios: Mapping[int, int]) -> pl.DataFrame:
        """The `lines` of what positions and balances are worth, alone."""
        return _summed(self._values(holdings, scenarios)[0])

    def _values(self, holdings: Holdings, scenarios: Mapping[int, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Lines of the equity, and the effects on positions."""
        codes = {"account": pl.Series(scenarios.keys(), dtype=pl.Int32), "scenario": pl.Series(scenarios.values(), dtype=pl.Int64)}
        pools = holdings.pools.join(pl.DataFrame(codes), on="account", how="left", maintain_order="left")
        of_pools = pools.select("pool", "scenario")
        positions = position_lines(self._effects, holdings, of_pools)
        balances = balance_lines(self._effects, holdings, self._resolved, of_pools)
        rows = pl.concat([positions.select(balances.columns), balances]).join(pools, on="pool", how="left", maintain_order="left")
        lines = rows.with_columns(
            account_id=self._dimensions.accounts["account_id"].gather(rows["account"]), subject=self._dimensions.assets["asset"].gather(rows["asset"])
        )
        return lines.select(*_LINES), positions

    def _positions(self, effects: pl.DataFrame, explanation: Explanation, states: pl.DataFrame) -> pl.DataFrame:
        """Position by position what each factor does; those that nothing moves too."""
        rows = explanation.positions.join(states, on=["account_id", "scenario_id"], how="inner", maintain_order="left")
        key = ["account_id", "pool_id", "instrument_id"]
        base = rows.filter(pl.col("state") == BASE).select(*key, base_requirement="requirement_maintenance")
        there = rows.filter(pl.col("state") == THERE).join(base, on=key, how="left", maintain_order="left")
        dimensions = self._dimensions
        by_factor = [pl.col("amount").filter(pl.col("kind") == factor).implode().list.sum().fill_null(0.0).alias(factor) for factor in FACTORS]
        moved = effects.group_by("pool", "instrument", maintain_order=True).agg(by_factor)
        accounts = dimensions.accounts["account_id"].gather(dimensions.pools["account_code"].gather(moved["pool"]))
        named = moved.with_columns(
            account_id=accounts,
            pool_id=dimensions.pools["pool_id"].gather(moved["pool"]),
            instrument_id=dimensions.instruments["instrument_id"].gather(moved["instrument"]),
        )
        found = there.join(named, on=key, how="left", maintain_order="left").with_columns(
            # Polars leaves `+ 0.0` out, and a negative zero would be printed as one.
            pl.when(pl.col(factor) == 0.0).then(0.0).otherwise(factor).fill_null(0.0).alias(factor)
            for factor in FACTORS
        )
        change = (pl.col("requirement_maintenance") - pl.col("base_requirement")).alias("requirement_change")
        return found.select(*key, "underlying", *FACTORS, "value_change", change)


def _summed(lines: pl.DataFrame) -> pl.DataFrame:
    sums = lines.group_by("account_id", "kind", "subject", maintain_order=True).agg(total("amount").alias("amount"))
    return sums.filter(pl.col("amount") != 0.0)


def _changes(explanation: Explanation, states: pl.DataFrame) -> dict[str, float]:
    """Per account the change of its excess, as derived."""
    excess = explanation.accounts.select("account_id", "scenario_id", excess=pl.col("margin_balance") - pl.col("maintenance_margin"))
    rows = states.join(excess, on=["account_id", "scenario_id"], how="left", maintain_order="left")
    found = {(account, state): amount for account, state, amount in rows.select("account_id", "state", "excess").iter_rows()}
    return {account: found[account, THERE] - found[account, BASE] for account in dict.fromkeys(rows["account_id"])}


# ---------------------------------------------------------------- the tables of a run


@dataclass(frozen=True)
class AccountAttribution:
    """The tables `attribution` and `attribution_positions`."""

    attribution: pl.DataFrame
    positions: pl.DataFrame


def attribute_accounts(
    book: Book, resolved: Resolved, units: UnitValues, rulebook: Rulebook, worst: pl.DataFrame, by_position: Sequence[str]
) -> AccountAttribution:
    """Accounts in their own worst headline scenarios.

    Args:
        book: the staged snapshot.
        resolved: factor values of every scenario.
        units: what instruments are worth in them.
        rulebook: the margin file.
        worst: rows of account_summary, each with a worst headline scenario: `account_id, owner_id, positions, equity, margin_balance,
            maintenance_margin`, and these three there.
        by_position: the accounts that are shown position by position too.
    """
    attributor = Attributor(book.dimensions, resolved, units, rulebook)
    codes = {account: code for code, account in enumerate(book.dimensions.accounts["account_id"])}

    def of(accounts: Sequence[Mapping[str, Any]]) -> tuple[Holdings, dict[int, int]]:
        scenarios = {codes[account["account_id"]]: resolved.ids.index(account["worst_headline_scenario_id"]) for account in accounts}
        return (holdings_of(book, list(scenarios)) if whole is None else _part(whole, list(scenarios))), scenarios

    # Accounts are all over the book: its blocks are gone through once, unless that would hold too much.
    together = int(worst["positions"].sum()) <= _READ_AT_ONCE
    whole = holdings_of(book, [codes[account] for account in worst["account_id"]]) if together else None
    explained = worst.filter(pl.col("positions") <= MOST_POSITIONS).to_dicts()
    lines, positions = [], []
    for batch in _batches(explained, book.dimensions.instruments.height, _moves(rulebook)):
        attributed = attributor.of_accounts(*of(batch))
        lines.append(attributed.lines)
        positions.append(attributed.positions.filter(pl.col("account_id").is_in(by_position)))
    for account in worst.filter(pl.col("positions") > MOST_POSITIONS).to_dicts():
        lines += [attributor.of_values(*of([account])), whole_margin_lines(account)]
    about = worst.select("owner_id", "account_id", scenario_id="worst_headline_scenario_id")

    def named(frames: Sequence[pl.DataFrame], columns: Sequence[str]) -> pl.DataFrame:
        if not frames:
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.Null))
        return pl.concat(frames).join(about, on="account_id", how="left", maintain_order="left").select(columns)

    changes = {account["account_id"]: _stated(account, "margin_balance") - _stated(account, "maintenance_margin") for account in worst.to_dicts()}
    return AccountAttribution(
        named([*lines, residual_lines(lines, changes)] if lines else [], ATTRIBUTION.names), named(positions, ATTRIBUTION_POSITIONS.names)
    )


def _part(holdings: Holdings, accounts: Sequence[int]) -> Holdings:
    """The holdings of some accounts, by code."""
    pools = holdings.pools.filter(pl.col("account").is_in(accounts))

    def of(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.join(pools, on="pool", how="semi", maintain_order="left")

    return Holdings(pools, of(holdings.positions), of(holdings.collateral), of(holdings.orders))


def _stated(account: Mapping[str, Any], figure: str) -> float:
    """The change of a figure of the run, from base to the account's worst headline scenario."""
    return float(account[f"worst_headline_{figure}"]) - float(account[figure])


def whole_margin_lines(account: Mapping[str, Any]) -> pl.DataFrame:
    """What does not count, and the requirement, of an account as one line each, from the run's own figures."""
    not_counted = _stated(account, "margin_balance") - _stated(account, "equity")
    required = -_stated(account, "maintenance_margin")
    rows = [(account["account_id"], "haircut", None, not_counted), (account["account_id"], "requirement", None, required)]
    return pl.DataFrame(rows, schema=_LINES, orient="row")


def residual_lines(lines: Sequence[pl.DataFrame], whole: Mapping[str, float]) -> pl.DataFrame:
    """What is left of every account's change, a line each: rounding."""
    sums = pl.concat(lines).group_by("account_id", maintain_order=True).agg(total("amount").alias("amount"))
    found = dict(sums.iter_rows())
    rows = [(account, "residual", None, change - found.get(account, 0.0)) for account, change in whole.items()]
    return pl.DataFrame(rows, schema=_LINES, orient="row")


def _moves(rulebook: Rulebook) -> int:
    """How often a position may be looked at in a state: once, and in the rows of the largest grid."""
    return 1 + max((len(model.grid) for model in rulebook.models.values() if isinstance(model, PortfolioModel)), default=0)


def _batches(accounts: Sequence[Mapping[str, Any]], instruments: int, moves: int) -> Iterator[list[Mapping[str, Any]]]:
    """Accounts that are explained at once. Every account is derived in every state of its batch, so accounts of one scenario stay together, and
    scenarios come together only as long as one more call would take longer."""
    of_scenario: dict[str, list[Mapping[str, Any]]] = {}
    for account in accounts:
        of_scenario.setdefault(account["worst_headline_scenario_id"], []).append(account)
    batch: list[Mapping[str, Any]] = []
    scenarios: set[str] = set()
    held = 0
    for scenario, members in of_scenario.items():
        for account in members:
            together = scenarios | {scenario}
            rows = ((held + account["positions"]) * moves + instruments) * (1 + len(together))
            if batch and rows > (ROWS_AT_ONCE if together == {scenario} else _ROWS_A_CALL):
                yield batch
                batch, together, held = [], {scenario}, 0
            batch.append(account)
            scenarios, held = together, held + account["positions"]
    if batch:
        yield batch
