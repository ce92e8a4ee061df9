"""The requirement by strategies in the terminal view of an explanation: what is recognised together, leg by leg."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from stresstest.cli.explain_blocks import QUIET, STRONG, VERSIONS, Row, add_row, both, factored, figures_table, once, step, strong_name, total
from stresstest.cli.figures import money_of, number, percent
from stresstest.cli.output import printable

Line = tuple[str, str, list[float] | None]
"""Text, units, amounts for maintenance and initial."""


def strategies_table(strategies: list[Row]) -> Table:
    """Every strategy with its legs and what it needs."""
    table = figures_table("strategy, leg", "units", "MM", "IM")
    totals = [total(strategies, f"requirement_{version}") for version in VERSIONS]
    show = money_of([*totals, *(amount for strategy in strategies for amount in (*both(strategy, "apart"), *both(strategy, "requirement")))])
    for strategy in strategies:
        add_row(table, strong_name(_title(strategy)))
        for text, units, amounts in _lines(strategy):
            add_row(table, step(text), units, *(map(show, amounts) if amounts else ("", "")), style=QUIET)
        add_row(table, step(factored(strategy)), "", *map(show, both(strategy, "requirement")))
    add_row(table, "sum", "", *map(show, totals), style=STRONG)
    return table


def _title(strategy: Row) -> str:
    rule, underlying = strategy["rule"], strategy["underlying"]
    if rule in ("spread", "expiry"):
        what = "spread, shorts expiring" if rule == "spread" else "options expiring"
        return f"{underlying} {what} {strategy['expiry'][:10]}"
    return f"{underlying} {rule}"


def _lines(strategy: Row) -> Iterator[Line]:
    """Leg by leg what it needs apart; for what is charged together its largest loss and net debit."""
    for leg in strategy["legs"]:
        yield f"{printable(leg['instrument_id'])}: {_reason(strategy, leg)}", number(leg["units"]), both(leg, "apart")
        if leg["units"] < 0 and leg["kind"] == "option" and strategy["rule"] != "covered":
            yield from ((f"  {text}", "", None) for text in _naked(leg))
    if strategy["rule"] == "strangle":
        yield "the one that needs more with its value counts", "", None
    if strategy["together_initial"] is None:
        return
    yield "= apart", "", both(strategy, "apart")
    unit = strategy["strike_currency_value"]
    at = f", {number(strategy['loss'])} x {number(unit)}" if unit != 1.0 else ""
    yield f"largest loss over settlement{at}", "", [strategy["loss_value"]] * 2
    if strategy["unpaired"]:
        scales = once(f"{scale:g}" for scale in both(strategy, "unpaired_scale"))
        yield f"+ calls sold alone, {scales} x forward {number(strategy['forward'])}", number(strategy["unpaired"]), both(strategy, "unpaired")
    yield "+ value of long less short legs", "", [strategy["debit"]] * 2
    yield "= together, at least zero", "", both(strategy, "together")
    yield "the lesser of apart and together counts", "", None


def _reason(strategy: Row, leg: Row) -> str:
    if leg["kind"] == "spot":
        return "on their value"
    if strategy["rule"] == "covered":
        return "covered by shares"
    if leg["units"] > 0:
        rates = once(percent(rate) for rate in both(leg, "long_rate"))
        return f"{rates} of {number(leg['unit_value'])}"
    return f"short at {number(leg['unit_value'])}, needs {once(number(need) for need in both(leg, 'naked'))} naked"


def _naked(leg: Row) -> Iterator[str]:
    """How the need of a naked short comes about."""
    price, otm = number(leg["underlying_price"]), number(leg["out_of_the_money"])
    times = f" x {leg['daily_multiple']:g}" if leg["daily_multiple"] != 1.0 else ""
    rates, minimums = (once(percent(rate) for rate in both(leg, name)) for name in ("naked_rate", "naked_minimum"))
    yield f"{rates}{times} x {price} - {otm} otm, or {minimums}{times} x {number(leg['base'])}"
    if any(both(leg, "naked_of_value")):
        yield f"or {once(percent(rate) for rate in both(leg, 'naked_of_value'))} of its value"
    if leg["initial_multiple"]:
        yield f"initially at least {leg['initial_multiple']:g} x (value + maintenance) - value"
