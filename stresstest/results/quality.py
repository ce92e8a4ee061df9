"""data_quality: every check of a run with its result, those of the snapshot and those of the calculation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.errors import counted
from stresstest.results.store import conform, polars_schema
from stresstest.results.unshocked import unshocked_notional
from stresstest.scenarios.notices import Notice
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.tables import DATA_QUALITY
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]

REPORTED = (("reported_equity", "equity"), ("reported_initial_margin", "initial_margin"), ("reported_maintenance_margin", "maintenance_margin"))
"""What the official system may state of an account, and the base figure it is held against."""


@dataclass(frozen=True)
class Check:
    """A row of data_quality. `subject` says what it is about; `tolerance` and `value` are in the unit the message names."""

    check: str
    severity: Literal["info", "warning", "error"]
    result: Literal["pass", "warn", "fail"]
    subject: str
    message: str
    rows: int = 0
    tolerance: float | None = None
    value: float | None = None
    notional: float | None = None


def quality_table(book: Book, checks: Iterable[Check]) -> pl.DataFrame:
    """The snapshot's own checks and those of the calculation as one table."""
    schema = polars_schema(DATA_QUALITY)
    rows = pl.DataFrame([vars(check) for check in checks], schema=schema, strict=False)
    return conform(pl.concat([book.quality.select(pl.col(name).cast(dtype) for name, dtype in schema.items()), rows]), DATA_QUALITY)


def reconciliation(account_summary: pl.DataFrame, accounts: pl.DataFrame, absolute: float, relative: float) -> list[Check]:
    """Base figures against what the official system reports.

    They agree within max(absolute, relative * |reported|), in reporting currency; a figure that no account reports is
    not checked.
    """
    reported = [(column, figure) for column, figure in REPORTED if accounts[column].null_count() < accounts.height]
    if not reported:
        return []
    both = account_summary.join(
        accounts.select("account_id", *(column for column, _ in reported)), on="account_id", how="left", maintain_order="left"
    )
    return [check for column, figure in reported for check in _reconciled(both, column, figure, absolute, relative)]


def _reconciled(both: pl.DataFrame, column: str, figure: str, absolute: float, relative: float) -> list[Check]:
    name = f"reconciliation of {figure.replace('_', ' ')}"
    given = both.filter(pl.col(column).is_not_null())
    if given.is_empty():
        return []
    given = given.with_columns(difference=(pl.col(figure) - pl.col(column)).abs())
    allowed = pl.max_horizontal(pl.lit(absolute), relative * pl.col(column).abs())
    beyond = given.filter(pl.col("difference") > allowed).sort("difference", "account_id", descending=[True, False])
    tolerance = f"max({absolute:g}, {relative:g} of the reported figure)"
    if beyond.is_empty():
        largest = float(given["difference"].to_numpy().max())
        message = f"All {given.height:,} reported figures agree within {tolerance} in reporting currency; the largest difference is {largest:,.6g}."
        return [Check(name, "info", "pass", "accounts", message, 0, absolute, largest, 0.0)]
    worst = beyond.row(0, named=True)
    message = (
        f"{beyond.height:,} of {given.height:,} reported figures {'differs' if beyond.height == 1 else 'differ'} by more than {tolerance} in "
        f"reporting currency; most for {worst['account_id']}: {worst[figure]:,.2f} computed, {worst[column]:,.2f} reported."
    )
    notional = float(sum(beyond["gross_notional"].to_list()))
    return [Check(name, "warning", "warn", "accounts", message, beyond.height, absolute, float(worst["difference"]), notional)]


def unshocked(resolved: Resolved, units: UnitValues, gross: Floats, headline: Sequence[str], any_book: Collection[str] = frozenset()) -> list[Check]:
    """Per headline scenario the share of base gross notional whose instruments it leaves as they are.

    A scenario that moves nothing at all (no factor of any kind) is a warning: it was most likely meant for another book. Those written for
    any book, the shipped ones among them, are only told.

    Args:
        resolved: factor values; scenario 0 is the base.
        units: what one contract is worth in every scenario.
        gross: base gross notional per instrument, reporting currency.
        headline: ids of the headline scenarios.
        any_book: ids of the scenarios written for any book.
    """
    place = {scenario: number for number, scenario in enumerate(resolved.ids)}
    left = unshocked_notional(units, gross)
    checks = []
    for scenario in headline:
        s = place[scenario]
        share = left.share(s)
        if scenario not in any_book and left.instruments[s] == len(gross) and _moves_nothing(resolved, s):
            message = "The scenario changes nothing in this book: none of its shocks matches a factor, or all of them leave it as it is."
            checks.append(Check("unshocked notional", "warning", "warn", scenario, message, len(gross), None, 1.0, left.total))
        else:
            message = f"{share:.1%} of gross notional is in instruments whose value the scenario leaves as it is."
            checks.append(Check("unshocked notional", "info", "pass", scenario, message, int(left.held[s]), None, share, float(left.notional[s])))
    return checks


def _moves_nothing(resolved: Resolved, s: int) -> bool:
    """Whether every factor of scenario `s` is what it is at base."""
    arrays = (
        resolved.value,
        resolved.rate,
        resolved.basis,
        resolved.vol_scale,
        resolved.vol_shift,
        resolved.collateral_ratio,
        resolved.haircut_scale,
        resolved.haircut_shift,
    )
    # An asset that has no depth is NaN in every scenario, which is no move.
    rows = (*resolved.holding_rows.values(), *resolved.margin_rate.values(), *resolved.depth.values())
    return (
        resolved.elapsed_years[s] == 0.0
        and all(np.array_equal(array[:, s], array[:, 0]) for array in arrays)
        and all(np.array_equal(row[s], row[0], equal_nan=True) for row in rows)
    )


OFFSET_SHARE = 0.01
"""Share of gross notional in options without a vol above which data quality warns: a handful of stale far options is normal, more is bad marks."""

TREATMENTS = {
    "constant offset": "a mark that no vol explains: valued at the given vol plus a constant offset, inside the no-arbitrage bounds",
    "intrinsic": "no time left: valued at intrinsic value",
}


def options(units: UnitValues, gross: Floats) -> list[Check]:
    """How options were valued, and how often vols and prices were held at their bounds."""
    codes = [number for number, treatment in enumerate(units.treatment) if treatment != "mark"]
    if not codes:
        return []
    checks = []
    for treatment, words in TREATMENTS.items():
        found = [number for number in codes if units.treatment[number] == treatment]
        notional = float(sum(gross[found].tolist()))
        message = (
            f"{len(found):,} of {len(codes):,} options with {words}." if found else f"None of {len(codes):,} options with {words.partition(':')[0]}."
        )
        if treatment == "constant offset" and notional > OFFSET_SHARE * sum(gross.tolist()):
            checks.append(Check("option vols", "warning", "warn", treatment, message, len(found), OFFSET_SHARE, float(len(found)), notional))
        else:
            checks.append(Check("option vols", "info", "pass", treatment, message, len(found), None, float(len(found)), notional))
    clamps = (
        ("stressed vols", int(units.clamped_vols.sum()), "[0, 10]"),
        ("stressed option prices", units.clamped_prices, "their no-arbitrage bounds"),
    )
    for subject, count, bounds in clamps:
        message = f"{count:,} {subject} were held at {bounds}." if count else f"No clamp was needed: all {subject} are inside {bounds}."
        checks.append(Check("clamps", "info", "pass", subject, message, count, None, float(count)))
    return checks


def grid_clamps(clamped: Mapping[str, tuple[int, int]]) -> list[Check]:
    """How often rows of the grids of portfolio models held vols and option prices at their bounds, by model: (vols, prices)."""
    checks = []
    for model, counts in clamped.items():
        for subject, count, bounds in zip(("vols", "option prices"), counts, ("[0, 10]", "their no-arbitrage bounds"), strict=True):
            held = f"{count:,} {subject} in rows of the grid were held at {bounds}."
            message = held if count else f"No clamp was needed: all {subject} in rows are inside {bounds}."
            checks.append(Check("clamps", "info", "pass", f"{subject} in the grid of model {model}", message, count, None, float(count)))
    return checks


def extended_tiers(extended: pl.DataFrame) -> list[Check]:
    """Positions that a scenario takes beyond a schedule's `max_notional`; its last tier is then extended.

    Args:
        extended: `schedule, rows, notional`, as the stress found them.
    """
    return [
        Check(
            "extended margin tiers", "info", "pass", schedule,
            f"{counted(rows, 'position')} beyond max_notional of the schedule in some scenario: its last tier is extended.",
            rows, None, float(rows), notional,
        )
        for schedule, rows, notional in extended.select("schedule", "rows", "notional").iter_rows()
    ]  # fmt: skip


_TOLD = ("clamped", "not in this book")
"""Kinds of notices that are no cause for a warning."""


def from_notices(notices: Iterable[Notice]) -> list[Check]:
    """What resolving the scenarios found: factors that match nothing are warnings (not so of scenarios written for any book), values
    brought into their range are counted.

    Several shocks of one scenario on one factor (with different filters) are one check.
    """
    found: dict[tuple[str, str], tuple[Notice, int]] = {}
    for notice in notices:
        key = (notice.kind, f"{notice.factor} in {notice.scenario_id}")
        first, count = found.get(key, (notice, 0))
        found[key] = (first, count + notice.count)
    return [
        Check(
            f"scenario factors: {kind}",
            "info" if kind in _TOLD else "warning",
            "pass" if kind in _TOLD else "warn",
            subject,
            notice.message,
            count,
            None,
            float(count),
        )
        for (kind, subject), (notice, count) in found.items()
    ]


def gross_by_instrument(book: Book, notional: Floats) -> Floats:
    """Gross notional at base per instrument, reporting currency: sum over positions of |contracts| times `notional` of one.

    Summed block by block in order, so the same bits whatever computed it.
    """
    contracts = np.zeros(len(notional))
    for number in range(book.blocks):
        block = load_block(book, number)
        contracts += np.bincount(block.instrument, weights=np.abs(block.quantity), minlength=len(notional))
    return contracts * notional
