"""What drives the result: the shocks, accounts, segments and owners behind the worst headline scenario, one line each."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.formats import HALF_A_CENT, money, percent, plural_count, shortened, shown
from stresstest.report.parts import Fact
from stresstest.results.summary import Summary

NAMED_ACCOUNTS = 3
NAMED_SEGMENTS = 3


def drivers(
    summary: Summary, shocks: Names, detail: pl.DataFrame | None, segments: pl.DataFrame | None, leading_owners: Sequence[str]
) -> tuple[Fact, ...]:
    """The lines that explain the worst headline scenario; what a run has not stored, or what does not move it, has none."""
    worst = summary.worst
    if worst is None:
        return ()
    currency = summary.run.reporting_currency
    found = [Fact("Shocks", shocks[worst.scenario_id])] if worst.scenario_id in shocks else []
    parts = f"positions {_signed(worst.position_pnl)}, collateral {_signed(worst.collateral_pnl)}"
    found.append(Fact("Equity of all accounts", f"{currency} {money(worst.equity - worst.pnl)} to {money(worst.equity)}: {parts}"))
    accounts = _accounts(
        detail, summary.counts.accounts, worst.scenario_id, worst.margin_shortfall, worst.accounts["liquidation"] + worst.accounts["default"]
    )
    found += [Fact("Accounts", accounts)] if accounts else []
    by_segment = _segments(segments, worst.scenario_id, worst.margin_shortfall)
    found += [Fact("Segments", by_segment)] if by_segment else []
    found += [Fact("Owners of Cover-2", "; ".join(leading_owners))] if leading_owners else []
    return tuple(found)


def _signed(value: float) -> str:
    return f"+{money(value)}" if value >= HALF_A_CENT else money(value)


def _accounts(detail: pl.DataFrame | None, accounts: int, scenario_id: str, shortfall: float, short: int) -> str:
    """The largest shares of the shortfall, of the accounts that are explained in every scenario."""
    if detail is None or shortfall < HALF_A_CENT:
        return ""
    # Accounts that are not explained have smaller shortfalls everywhere than each of these has where it is worst.
    worst_each = detail.group_by("account_id").agg(pl.col("margin_shortfall").max())["margin_shortfall"]
    surely = 0.0 if len(worst_each) == accounts else float(worst_each.min() or 0.0)  # type: ignore[arg-type]  # a column of floats
    here = detail.filter((pl.col("scenario_id") == scenario_id) & (pl.col("margin_shortfall") > 0) & (pl.col("margin_shortfall") >= surely))
    rows = here.sort("margin_shortfall", "account_id", descending=[True, False]).head(NAMED_ACCOUNTS).to_dicts()
    if not rows:
        return ""
    named = ", ".join(f"{shortened(shown(row['account_id']), 24)} {percent(row['margin_shortfall'] / shortfall)}" for row in rows)
    together = sum(row["margin_shortfall"] for row in rows) / shortfall
    of = f" of the shortfall of {plural_count(short, 'account')}"
    return f"{named}, together {percent(together)}{of}" if len(rows) > 1 else f"{named}{of}"


def _segments(segments: pl.DataFrame | None, scenario_id: str, shortfall: float) -> str:
    if segments is None or shortfall < HALF_A_CENT:
        return ""
    here = segments.filter((pl.col("scenario_id") == scenario_id) & (pl.col("margin_shortfall") > 0))
    if segments["segment"].n_unique() < 2:
        return ""
    rows = here.sort("margin_shortfall", "segment", descending=[True, False]).to_dicts()
    named = [
        f"{shortened(shown(row['segment'] or 'no segment'), 24)} {percent(row['margin_shortfall'] / shortfall)}" for row in rows[:NAMED_SEGMENTS]
    ]
    rest = len(rows) - len(named)
    return ", ".join(named) + " of the shortfall" + (f"; the rest in {plural_count(rest, 'other')}" if rest > 0 else "") if named else ""
