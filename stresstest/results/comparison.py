"""What a run that compares has found, as figures: margin models against the book's own rules, and cross margin against isolated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from stresstest.results.documents import Document
from stresstest.results.store import files_of, read_table
from stresstest.stress.headline import worst_headline
from stresstest.tables import ISOLATION, ISOLATION_POSITIONS, ISOLATION_SUMMARY, MARGIN_COMPARISON, MARGIN_COMPARISON_SUMMARY, SCENARIO_SUMMARY

LISTED = 50
"""Accounts and positions that are listed at most, the largest first."""

_WORST = tuple(f"worst_headline_{name}" for name in ("scenario_id", "status", "maintenance_margin", "margin_shortfall"))


class ComparedModel(Document):
    """The whole book under a model. `own`: these are the book's own rules.

    Requirements are those at base, `cover_2_stress_loss_over_margin` the largest over headline scenarios. The worst scenario is the headline
    scenario with the largest margin shortfall under this model; null without one. Accounts are breached where they are in liquidation or
    default in a headline scenario; `only_here` and `only_own`: under this model and not under the book's own rules, and the reverse.
    """

    model: str
    own: bool
    initial_margin: float
    maintenance_margin: float
    worst_scenario_id: str | None
    worst_scenario_margin_shortfall: float
    worst_scenario_initial_shortfall: float
    cover_2_stress_loss_over_margin: float
    accounts_breached: int
    accounts_breached_only_here: int
    accounts_breached_only_own: int


class AccountUnder(Document):
    """An account in its worst headline scenario under some rules."""

    scenario_id: str
    status: str
    maintenance_margin: float
    margin_shortfall: float


class DifferingAccount(Document):
    """An account that a headline scenario breaches under a model and none under the book's own rules (`only_here`), or the reverse."""

    account_id: str
    owner_id: str
    model: str
    only_here: bool
    own: AccountUnder
    here: AccountUnder


class TakingDown(Document):
    """A position that takes its account down by itself in a headline scenario; figures are those of the one with its largest shortfall."""

    account_id: str
    owner_id: str
    instrument_id: str
    quantity: float
    notional: float
    collateral_share: float
    scenarios_breached: int
    scenarios_taken_down: int
    scenario_id: str
    margin_shortfall: float
    margin_shortfall_cross: float


class CrossAgainstIsolated(Document):
    """What netting saves at base and what it risks in headline scenarios, over all accounts; `positions` of those listed are the largest.

    `accounts_taken_down`: in at least one headline scenario one position alone takes the account down; `accounts_spared`: in at least one
    the cross pool holds where a position on its own would breach. The worst scenario is that of cross margin.
    """

    initial_margin_cross: float
    initial_margin_isolated: float
    maintenance_margin_cross: float
    maintenance_margin_isolated: float
    free_collateral_cross: float
    free_collateral_isolated: float
    accounts_breached_cross: int
    accounts_breached_isolated: int
    accounts_taken_down: int
    accounts_spared: int
    worst_scenario_id: str | None
    worst_scenario_margin_shortfall_cross: float
    worst_scenario_margin_shortfall_isolated: float
    worst_scenario_uncollateralised_loss_cross: float
    worst_scenario_uncollateralised_loss_isolated: float
    positions_taking_down: int
    positions: tuple[TakingDown, ...]


class Comparison(Document):
    """What a run compared; parts that it was not asked for are empty and null. `accounts_differing` counts all, `accounts` lists the largest.

    Accounts are listed by how far their margin shortfalls in their worst headline scenarios are apart.
    """

    models: tuple[ComparedModel, ...]
    accounts_differing: int
    accounts: tuple[DifferingAccount, ...]
    isolation: CrossAgainstIsolated | None


def comparison_of(folder: Path, models: Sequence[str] = ()) -> Comparison | None:
    """The comparison of a finished run; None where it compared nothing.

    Args:
        folder: the result folder.
        models: the models in the order in which they are told, after the book's own rules; others follow.

    Raises:
        StressTestError: input data, when a table is missing or damaged.
    """
    compared = bool(files_of(folder, MARGIN_COMPARISON_SUMMARY.name))
    isolated = bool(files_of(folder, ISOLATION_SUMMARY.name))
    if not compared and not isolated:
        return None
    found, differing, accounts = _models(folder, models) if compared else ((), 0, ())
    return Comparison(models=found, accounts_differing=differing, accounts=accounts, isolation=_isolation(folder) if isolated else None)


def _models(folder: Path, order: Sequence[str]) -> tuple[tuple[ComparedModel, ...], int, tuple[DifferingAccount, ...]]:
    totals = read_table(folder, MARGIN_COMPARISON_SUMMARY.name)
    place = {name: number for number, name in enumerate(order)}
    own = str(totals.filter("own")["model"][0])
    names = sorted(totals["model"].unique().to_list(), key=lambda name: (name != own, place.get(name, len(place)), name))
    accounts = read_table(folder, MARGIN_COMPARISON.name, ["owner_id", "account_id", "model", *_WORST, "headline_scenarios_breached"])
    of_own = accounts.filter(pl.col("model") == own)
    compared, apart = [], []
    for name in names:
        rows = totals.filter(pl.col("model") == name)
        here = accounts.filter(pl.col("model") == name).join(of_own, on="account_id", how="inner", suffix="_own", maintain_order="left")
        breached, breached_own = pl.col("headline_scenarios_breached") > 0, pl.col("headline_scenarios_breached_own") > 0
        differing = here.filter(breached != breached_own).with_columns(only_here=breached)
        apart.append(differing)
        compared.append(_compared(name, name == own, rows, here.filter(breached).height, differing))
    every = pl.concat(apart).with_columns(distance=(pl.col("worst_headline_margin_shortfall") - pl.col("worst_headline_margin_shortfall_own")).abs())
    largest = every.sort("distance", "owner_id", "account_id", "model", descending=[True, False, False, False]).head(LISTED)
    listed = tuple(
        DifferingAccount(
            account_id=row["account_id"],
            owner_id=row["owner_id"],
            model=row["model"],
            only_here=row["only_here"],
            own=AccountUnder(**{name.removeprefix("worst_headline_"): row[f"{name}_own"] for name in _WORST}),
            here=AccountUnder(**{name.removeprefix("worst_headline_"): row[name] for name in _WORST}),
        )
        for row in largest.iter_rows(named=True)
    )
    return tuple(compared), every.height, listed


def _compared(name: str, own: bool, rows: pl.DataFrame, breached: int, differing: pl.DataFrame) -> ComparedModel:
    base = rows.row(0, named=True)
    headline = rows.filter("headline")
    worst = None
    if headline.height:
        worst = headline.sort("margin_shortfall", descending=True, maintain_order=True).row(0, named=True)
    only_here = differing.filter("only_here").height
    return ComparedModel(
        model=name,
        own=own,
        initial_margin=base["initial_margin"],
        maintenance_margin=base["maintenance_margin"],
        worst_scenario_id=None if worst is None else worst["scenario_id"],
        worst_scenario_margin_shortfall=0.0 if worst is None else worst["margin_shortfall"],
        worst_scenario_initial_shortfall=0.0 if worst is None else worst["initial_shortfall"],
        cover_2_stress_loss_over_margin=max(headline["cover_2_stress_loss_over_margin"].to_list(), default=0.0),
        accounts_breached=breached,
        accounts_breached_only_here=only_here,
        accounts_breached_only_own=differing.height - only_here,
    )


def _isolation(folder: Path) -> CrossAgainstIsolated:
    totals = read_table(folder, ISOLATION_SUMMARY.name)
    sides = ("cross", "isolated")
    measures = ("initial_margin", "maintenance_margin", "free_collateral")
    counted = tuple(f"headline_scenarios_{name}" for name in ("breached_cross", "breached_isolated", "taken_down", "spared"))
    amounts = tuple(f"{measure}_{side}" for measure in measures for side in sides)
    accounts = read_table(folder, ISOLATION.name, [*amounts, *counted])
    down = read_table(folder, ISOLATION_POSITIONS.name).filter(pl.col("headline_scenarios_taken_down") > 0)
    largest = down.sort(
        "taken_down_margin_shortfall_cross", "owner_id", "account_id", "instrument_id", descending=[True, False, False, False]
    ).head(LISTED)  # fmt: skip
    worst = worst_headline(read_table(folder, SCENARIO_SUMMARY.name))
    there = totals.filter(pl.col("scenario_id") == worst).row(0, named=True) if worst is not None else {}
    return CrossAgainstIsolated(
        # In order of the accounts: the same sum whoever computes it.
        **{name: sum(accounts[name].to_list()) for name in amounts},
        **{f"accounts_{name.removeprefix('headline_scenarios_')}": accounts.filter(pl.col(name) > 0).height for name in counted},
        worst_scenario_id=worst,
        **{
            f"worst_scenario_{measure}_{side}": there.get(f"{measure}_{side}", 0.0)
            for measure in ("margin_shortfall", "uncollateralised_loss")
            for side in sides
        },
        positions_taking_down=down.height,
        positions=tuple(
            TakingDown(
                **{name: row[name] for name in ("account_id", "owner_id", "instrument_id", "quantity", "notional", "collateral_share")},
                scenarios_breached=row["headline_scenarios_breached"],
                scenarios_taken_down=row["headline_scenarios_taken_down"],
                scenario_id=row["taken_down_scenario_id"],
                margin_shortfall=row["taken_down_margin_shortfall"],
                margin_shortfall_cross=row["taken_down_margin_shortfall_cross"],
            )
            for row in largest.iter_rows(named=True)
        ),
    )
