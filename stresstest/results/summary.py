"""summary.json: the executive figures of a run, one versioned document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from stresstest.results.cascade import NO_DEFAULTS, CascadeFigures, cascade_figures, defaults_by_feedback
from stresstest.results.documents import Document
from stresstest.results.draws import DrawFigures, draw_figures
from stresstest.results.funding import FundingFigures, funding_figures
from stresstest.results.light import Status, status_of
from stresstest.results.limit_counts import NO_LIMITS, LimitCounts, limit_counts
from stresstest.stress.headline import BASES, Basis, cover_scenario, worst_headline
from stresstest.tables import MEASURES, STATUSES

WORST_ACCOUNTS = 10


class RunFacts(Document):
    """What the run was about. `name` is the run file's, or else the scenario set's; `book` the run file's, or else `name`; `as_of` is UTC, ISO 8601.

    `scenario_set` and `margin_rules` are the names that the scenario and margin files state; empty where they state none.
    """

    name: str
    snapshot_label: str
    as_of: str
    reporting_currency: str
    scenario_set: str = ""
    margin_rules: str = ""
    book: str = ""


class Resources(Document):
    """What the run file says stands behind a default, in reporting currency."""

    insurance_fund: float
    skin_in_the_game: float
    default_fund: float
    total: float


class BookFigures(Document):
    """What was loaded. `gross_notional` is the sum of absolute notionals at base, in reporting currency."""

    owners: int
    accounts: int
    pools: int
    positions: int
    lots: int
    instruments: int
    assets: int
    gross_notional: float
    excluded_accounts: int
    incomplete_owners: int


class ScenarioFigures(Document):
    """Totals over the whole book in one scenario, in reporting currency; `accounts` counts accounts by status."""

    scenario_id: str
    name: str
    equity: float
    pnl: float
    position_pnl: float
    collateral_pnl: float
    collateral_value: float
    margin_balance_initial: float
    margin_balance: float
    initial_margin: float
    maintenance_margin: float
    initial_shortfall: float
    margin_shortfall: float
    uncollateralised_loss: float
    stress_loss_over_margin: float
    accounts: dict[Literal["ok", "call", "liquidation", "default"], int]
    accounts_newly_breached: int
    owners_in_default: int


class Cover(Document):
    """Cover-N of the run: the largest, over headline scenarios, of the sum of the N largest owner losses."""

    amount: float
    scenario_id: str | None
    owners: tuple[str, ...]
    lower_bound: bool
    """Accounts were excluded, so the true figure may be larger."""


class CoverFigures(Document):
    """Cover-1 and Cover-2 in one basis."""

    cover_1: Cover
    cover_2: Cover


class AccountFigures(Document):
    """An account in its worst headline scenario (largest margin shortfall; without any, smallest balance less requirement)."""

    account_id: str
    owner_id: str
    name: str | None
    base_status: str
    scenario_id: str
    status: str
    equity: float
    margin_balance: float
    maintenance_margin: float
    margin_shortfall: float
    uncollateralised_loss: float


class Summary(Document):
    """The executive figures of a run."""

    schema_version: Literal[1] = 1
    result_id: str
    run: RunFacts
    status: Status
    counts: BookFigures
    resources: Resources | None
    scenarios: int
    headline_scenarios: int
    base: ScenarioFigures
    worst: ScenarioFigures | None
    """The headline scenario with the largest margin shortfall; among equals the largest loss, then the first."""
    cover: dict[Basis, CoverFigures]
    owner_names: dict[str, str]
    """Display names, by id, of the owners with the largest losses in the scenarios that `cover` names; of those that have one."""
    worst_accounts: tuple[AccountFigures, ...]
    checks: dict[Literal["pass", "warn", "fail"], int]
    limits: LimitCounts = NO_LIMITS
    funding: FundingFigures | None = None
    """None where the run made no tables of funding."""
    draws: tuple[DrawFigures, ...] | None = None
    """None where the run made no tables over weighted scenarios; empty where no scenario has a weight."""
    cascade: CascadeFigures | None = None
    """None for a run without a cascade, or where no headline scenario liquidates anybody."""


@dataclass(frozen=True)
class Counts:
    """Sizes of the book, as the snapshot states them."""

    owners: int
    pools: int
    positions: int
    lots: int
    instruments: int
    assets: int
    excluded_accounts: int
    incomplete_owners: int


def summarise(
    result_id: str,
    run: RunFacts,
    counts: Counts,
    resources: Resources | None,
    account_summary: pl.DataFrame,
    scenario_summary: pl.DataFrame,
    quality: pl.DataFrame,
    owner_losses: pl.DataFrame,
    limits: pl.DataFrame | None = None,
    funding: pl.DataFrame | None = None,
    draws: tuple[pl.DataFrame, pl.DataFrame] | None = None,
    cascade: Mapping[str, pl.DataFrame] | None = None,
) -> Summary:
    """The summary of a run from its result tables (all of them as `store.conform` orders them).

    `owner_losses` is owner_scenario with the owners' display names as `name`; without `limits` none was set; `funding` is funding_summary, and
    `draws` are draw_statistics and account_probabilities, `cascade` is what `cascade_tables` gives, if the run has them.
    """
    headline = scenario_summary.filter("headline")
    worst = worst_headline(scenario_summary)
    results = dict(quality.group_by("result").len().iter_rows())
    # Summed in the order of rows, one after the other: the frame's own sum may differ in its last bit from run to run.
    gross = float(np.cumsum(account_summary["gross_notional"].to_numpy())[-1]) if account_summary.height else 0.0
    cover = {basis: CoverFigures(cover_1=_cover(headline, 1, basis, counts), cover_2=_cover(headline, 2, basis, counts)) for basis in BASES}
    judged = NO_LIMITS if limits is None else limit_counts(limits)
    return Summary(
        result_id=result_id,
        run=run,
        status=status_of(
            scenario_summary, quality, counts.excluded_accounts, judged, NO_DEFAULTS if cascade is None else defaults_by_feedback(cascade)
        ),
        resources=resources,
        counts=BookFigures(
            accounts=account_summary.height, gross_notional=gross, **{name: getattr(counts, name) for name in counts.__dataclass_fields__}
        ),
        scenarios=scenario_summary.height,
        headline_scenarios=headline.height,
        base=_scenario(scenario_summary.row(0, named=True)),
        worst=None if worst is None else _scenario(scenario_summary.row(by_predicate=pl.col("scenario_id") == worst, named=True)),
        cover=cover,
        owner_names=_owner_names(cover, owner_losses),
        worst_accounts=_accounts(account_summary),
        checks={result: int(results.get(result, 0)) for result in ("pass", "warn", "fail")},
        limits=judged,
        funding=None if funding is None else funding_figures(funding),
        draws=None if draws is None else draw_figures(*draws),
        cascade=cascade_figures(cascade),
    )


def _scenario(row: Mapping[str, Any]) -> ScenarioFigures:
    names = ("scenario_id", "name", *(c.name for c in MEASURES), "accounts_newly_breached", "owners_in_default")
    accounts = {status: row[f"accounts_{status}"] for status in STATUSES}
    return ScenarioFigures.model_validate({**{name: row[name] for name in names}, "accounts": accounts})


def _cover(headline: pl.DataFrame, n: Literal[1, 2], basis: Basis, counts: Counts) -> Cover:
    incomplete = counts.excluded_accounts > 0
    scenario = cover_scenario(headline, n, basis)
    if scenario is None:
        return Cover(amount=0.0, scenario_id=None, owners=(), lower_bound=incomplete)
    row = headline.row(by_predicate=pl.col("scenario_id") == scenario, named=True)
    owners = tuple(row[f"cover_owner_{rank}_{basis}"] for rank in range(1, n + 1))
    return Cover(amount=row[f"cover_{n}_{basis}"], scenario_id=scenario, owners=tuple(o for o in owners if o is not None), lower_bound=incomplete)


def _owner_names(cover: Mapping[Basis, CoverFigures], owner_losses: pl.DataFrame) -> dict[str, str]:
    named = {each.scenario_id for figures in cover.values() for each in (figures.cover_1, figures.cover_2)}
    rows = owner_losses.filter(pl.col("scenario_id").is_in([scenario for scenario in named if scenario is not None]))
    return dict(sorted(rows.drop_nulls("name").filter(pl.col("name") != pl.col("owner_id")).select("owner_id", "name").iter_rows()))


def worst_first(account_summary: pl.DataFrame, prefix: Literal["worst", "worst_headline"] = "worst_headline") -> pl.DataFrame:
    """Rows of account_summary in the one order in which terminal, summary and report list accounts.

    By margin shortfall in the account's worst scenario, largest first; then by status, default first; then by margin balance less
    maintenance margin, smallest first; then by id. Accounts without such a scenario are last.
    """
    places = {status: place for place, status in enumerate(STATUSES)}
    status = pl.col(f"{prefix}_status").replace_strict(places, return_dtype=pl.Int64)
    room = pl.col(f"{prefix}_margin_balance") - pl.col(f"{prefix}_maintenance_margin")
    order = (f"{prefix}_margin_shortfall", status, room, "account_id")
    return account_summary.sort(*order, descending=[True, True, False, False], nulls_last=True)


def closest_to_default(account_summary: pl.DataFrame, most: int) -> pl.DataFrame:
    """The first accounts of that order, those that stay ok in every headline scenario only after all others."""
    judged = account_summary.drop_nulls("worst_headline_scenario_id")
    ok = pl.col("worst_headline_status") == STATUSES[0]
    worst = worst_first(judged.filter(~ok)).head(most)
    return worst if worst.height == most else pl.concat([worst, worst_first(judged.filter(ok)).head(most - worst.height)])


def _accounts(account_summary: pl.DataFrame) -> tuple[AccountFigures, ...]:
    judged = account_summary.drop_nulls("worst_headline_scenario_id").filter(pl.col("worst_headline_status") != STATUSES[0])
    worst = worst_first(judged).head(WORST_ACCOUNTS)
    figures = ("scenario_id", "status", "equity", "margin_balance", "maintenance_margin", "margin_shortfall", "uncollateralised_loss")
    return tuple(
        AccountFigures(
            account_id=row["account_id"],
            owner_id=row["owner_id"],
            name=row["name"],
            base_status=row["status"],
            **{name: row[f"worst_headline_{name}"] for name in figures},
        )
        for row in worst.iter_rows(named=True)
    )
