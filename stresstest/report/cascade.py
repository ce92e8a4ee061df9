"""The page of the cascade: how far it goes, round by round, where prices end, and how much hangs on the depth of markets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cascade_tables import called, of_scenario, parameters_table, prices_table, rounds_table, scenarios_table, sensitivity_table
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.charts.price_path import MOST_LINES
from stresstest.report.formats import chart_label, count, money, plural_count, significant
from stresstest.report.parts import Figure, Pair, PairedBars, PriceLine, PricePath
from stresstest.report.view import CascadePage
from stresstest.results.cascade import worst_cascade

Record = Mapping[str, Any]
Tables = Mapping[str, pl.DataFrame]

CHARTED = 10
LINE_EMS = 6.5
"""Room for the name of an asset at the end of its line, in ems."""


def cascade_page(tables: Tables, names: Names, currency: str) -> CascadePage | None:
    """The page of a run that has the tables of a cascade; None for one that has not.

    Args:
        tables: by name, those of the run.
        names: of scenarios.
        currency: the reporting currency, as it is shown.
    """
    if "cascade_summary" not in tables:
        return None
    summary = tables["cascade_summary"]
    rows = summary.to_dicts()
    headline = [row for row in rows if row["headline"]]
    focus = worst_cascade(summary)
    worst = None if focus is None else next(row for row in rows if row["scenario_id"] == focus)
    scenario = "" if focus is None else called(names, focus)
    return CascadePage(
        scenario,
        _summary(worst, headline, scenario, currency),
        () if worst is None else _figures(worst, currency),
        _losses(headline, names),
        _path(tables, focus),
        scenarios_table(rows, names, currency),
        rounds_table(tables, focus, scenario, currency),
        prices_table(tables, focus, scenario, currency),
        sensitivity_table(tables, names, currency),
        parameters_table(tables),
    )


# ---------------------------------------------------------------- in words


def _times(amplification: float | None) -> str:
    """How many times as far: to three digits, and of a market that hardly moves further to as many as tell.

    >>> _times(2.0909), _times(1.00338), _times(None)
    ('2.09', '1.0034', '—')
    """
    return significant(amplification, 5 if amplification is not None and abs(amplification - 1.0) < 0.1 else 3)


def _summary(worst: Record | None, headline: Sequence[Record], scenario: str, currency: str) -> str:
    checked = plural_count(len(headline), "headline scenario")
    if worst is None:
        return f"Nothing to report: no margin pool is liquidated in any of {checked}."
    direct, feedback = worst["accounts_liquidated_direct"], worst["accounts_liquidated_feedback"]
    falls = "falls" if direct == 1 else "fall"
    # Where the rounds have ended too early others that fall short are still waiting.
    short = (
        f"{falls} short by the shock alone"
        if worst["converged"]
        else f"that {falls} short by the shock alone {'is' if direct == 1 else 'are'} liquidated"
    )
    text = (
        f"In {scenario}, {plural_count(direct, 'account')} {short}. Liquidations trade {currency} {money(worst['notional_sold'])} of notional, in "
        f"{plural_count(worst['rounds'], 'round')}. "
    )
    if feedback:
        text += f"That moves prices far enough to take {plural_count(feedback, 'more account')} down that would have survived. "
    else:
        text += "No account falls because of these sales. " if worst["converged"] else "None is liquidated because of these sales, so far. "
    text += f"It costs those who lose {currency} {money(worst['feedback_loss'])} beyond the {money(worst['direct_loss'])} of the shock"
    text += f": prices move {significant(worst['amplification'], 3)} times as far. " if worst["amplification"] is not None else ". "
    static, final = worst["uncollateralised_loss_static"], worst["uncollateralised_loss"]
    text += f"What accounts are below zero goes from {money(static)} to {currency} {money(final)}"
    text += f", with {plural_count(worst['owners_in_default'], 'owner')} in default." if worst["owners_in_default"] else "."
    open_ended = sum(not row["converged"] for row in headline)
    if open_ended:
        text += f" {count(open_ended)} of {checked} had not come to rest after the last round: their losses are too low."
    return text


def _figures(worst: Record, currency: str) -> tuple[Figure, ...]:
    stopped = not worst["converged"]
    return (
        Figure(
            "Feedback loss", money(worst["feedback_loss"]), currency, f"of those who lose, beyond the shock's own {money(worst['direct_loss'])}"
        ),
        Figure(
            "Amplification", _times(worst["amplification"]), "", "how many times the price moves of the shock, weighted with notional"
        ),
        Figure(
            "Accounts by feedback", count(worst["accounts_liquidated_feedback"]), "",
            f"liquidated only because of the sales of others; {count(worst['accounts_liquidated_direct'])} by the shock",
            "liquidation" if worst["accounts_liquidated_feedback"] else "",
        ),
        Figure(
            "Rounds", count(worst["rounds"]), "",
            "stopped at the most that was asked for: not at rest" if stopped else "until no margin pool was below its requirement",
            "fail" if stopped else "",
        ),
    )  # fmt: skip


# ---------------------------------------------------------------- charts


def _losses(headline: Sequence[Record], names: Names) -> PairedBars:
    ranked = sorted(headline, key=lambda row: -(row["direct_loss"] + row["feedback_loss"]))[:CHARTED]
    pairs = (
        Pair(
            chart_label(names.get(row["scenario_id"]), row["scenario_id"], NAME_EMS), row["feedback_loss"], row["direct_loss"] + row["feedback_loss"]
        )
        for row in ranked
        if row["rounds"]
    )
    return PairedBars(tuple(pairs), "feedback", "all")


def _path(tables: Tables, focus: str | None) -> PricePath | None:
    """The prices that sales move most, in the order of what was sold; an asset that rests in a round keeps its price."""
    prices = {row["asset"]: row for row in of_scenario(tables, "cascade_prices", focus)}
    moved = [row for row in prices.values() if row["final_price"] != row["shocked_price"] and row["shocked_price"] > 0.0]
    chosen = sorted(moved, key=lambda row: -row["notional_sold"])[:MOST_LINES]
    steps = of_scenario(tables, "cascade_path", focus)
    last = max((row["round"] for row in steps), default=0)
    if not chosen:
        return None
    lines = []
    for row in chosen:
        after = {step["round"]: step["price_after"] for step in steps if step["asset"] == row["asset"]}
        values = [row["shocked_price"]]
        for number in range(1, last + 1):
            values.append(after.get(number, values[-1]))
        lines.append(PriceLine(chart_label(None, row["asset"], LINE_EMS), tuple(value / row["shocked_price"] for value in values)))
    return PricePath(tuple(lines))
