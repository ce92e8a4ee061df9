"""The requirement by margin schedules in the terminal view of an explanation: tier by tier, and options by their formulas."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from stresstest.cli.explain_blocks import QUIET, STRONG, VERSIONS, Row, add_row, both, factored, figures_table, once, step, strong_name, total
from stresstest.cli.figures import interval, money, money_of, number, percent
from stresstest.cli.output import printable

Line = tuple[str, list[float] | None, str, list[float | None] | list[float] | None]
"""Text, rates, what is inside, amounts; rates and amounts for maintenance and initial."""


def _tiers(charge: Row) -> Iterator[Line]:
    currency, schedule = printable(charge["currency"]), printable(charge["schedule"])
    if charge["rule"] == "net by underlying":
        yield "long, over expiries", None, number(charge["long"]), None
        yield "short", None, number(charge["short"]), None
    if charge["per_contract"]:
        yield f"{schedule}: {currency} a contract", None, number(charge["contracts"]), both(charge, "tiers")
    else:
        contracts = charge["basis"] == "contracts"
        yield (
            f"{schedule}, {charge['convention']}, {'contracts' if contracts else currency}",
            None,
            number(charge["contracts" if contracts else "size"]),
            None,
        )
    factors = both(charge, "notional_factor")
    if any(factor not in (None, 1.0) for factor in factors):
        times = " / ".join(f"{factor:.6g}" for factor in dict.fromkeys(factors))
        yield f"x {times}, at conservative prices", None, " / ".join(number(charge["size"] * factor) for factor in dict.fromkeys(factors)), None
    grown = next((tier for tier in charge["tiers"] if tier["growth_size"] is not None), None)
    if grown is not None:
        yield f"rates grow with {number(grown['growth_size'])}; by the schedule", both(grown, "base_rate"), "", None
    for tier in charge["tiers"]:
        deductions = dict.fromkeys(number(each) for each in both(tier, "deduction"))
        less = f", less {' / '.join(deductions)}" if tier["part"] and any(both(tier, "deduction")) else ""
        parts = once(number(each) for each in (tier["part"], tier["part_initial"]))
        yield interval(tier["from"], tier["to"]) + less, both(tier, "rate"), parts, both(tier, "charge")
    if charge["currency_value"] != 1.0 and not charge["per_contract"]:
        yield f"x {currency} at {number(charge['currency_value'])}", None, "", both(charge, "tiers")
    if charge["interest_share"]:
        share = percent(charge["interest_share"])
        yield f"open interest {number(charge['open_interest'])}: {share} of the way to 100 %", None, "", [None, charge["interest"]]
    if any(both(charge, "spread")):
        yield "spread, on min(long, short)", both(charge, "spread_rate"), number(min(charge["long"], charge["short"])), both(charge, "spread")
    if charge["leverage_floor"] and charge["leverage_floor"] >= charge["unscaled_initial"]:
        yield (
            f"at least 1 / leverage {charge['leverage']:g}",
            None,
            number(charge["leverage_floor"] * charge["leverage"]),
            [None, charge["leverage_floor"]],
        )


def _short_option(charge: Row) -> Iterator[Line]:
    price, out_of_the_money, units = charge["underlying_price"], charge["out_of_the_money"], charge["units"] * charge["strike_currency_value"]
    rates, minimums = both(charge, "short_rate"), both(charge, "short_minimum")
    less = f" - {number(out_of_the_money)} otm" if out_of_the_money else ""
    yield f"short, {printable(charge['schedule'])}: the larger of", None, number(charge["units"]), None
    yield f"{number(price)}{less}", rates, "", [(rate * price - out_of_the_money) * units for rate in rates]
    yield f"minimum, on {number(charge['short_base'])}", minimums, "", [rate * charge["short_base"] * units for rate in minimums]


def _long_option(charge: Row) -> Iterator[Line]:
    if charge["rule"] == "long paid option":
        yield "long and paid: needs nothing", None, number(charge["contracts"]), both(charge, "requirement")
    else:
        yield (
            "long: value less its credit",
            [1.0 - credit for credit in both(charge, "long_option_credit")],
            money(charge["current_value"]),
            both(charge, "unscaled"),
        )


def charges_table(charges: list[Row]) -> Table:
    """What margin schedules require, position by position and net by net, tier by tier."""
    table = figures_table("position, tier", "rate MM", "rate IM", "inside", "charge MM", "charge IM")
    totals = [total(charges, f"requirement_{version}") for version in VERSIONS]
    show = money_of([*totals, *(amount for charge in charges for amount in both(charge, "requirement"))])
    for charge in charges:
        add_row(table, strong_name(charge["subject"]))
        lines = {"short option": _short_option, "long paid option": _long_option, "long margined option": _long_option}.get(charge["rule"], _tiers)
        for text, rates, inside, amounts in lines(charge):
            add_row(
                table, step(text), *(map(percent, rates) if rates else ("", "")), inside, *(map(show, amounts) if amounts else ("", "")), style=QUIET
            )
        if charge["rule"] == "long paid option":
            continue  # nothing times anything is still nothing
        add_row(table, step(factored(charge)), "", "", "", *map(show, both(charge, "requirement")))
    add_row(table, "sum", "", "", "", *map(show, totals), style=STRONG)
    return table
