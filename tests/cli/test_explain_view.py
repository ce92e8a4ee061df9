from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from itertools import takewhile

import numpy as np
import pytest
from margin.explain_case import PERPETUAL, Case, Row
from rich.console import Console

from stresstest.cli.explain_view import explain_view
from stresstest.margin.explain import as_document, explain
from stresstest.valuation.unit_values import UnitValues

STEPS = [{"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": 1000, "maintenance_rate": 0.05, "initial_rate": 0.10}]
MARGIN: Row = {
    "collateral_schedules": {
        "par": {"bands": [{"from": 0, "haircut": 0.0}]},
        "coin": {"bands": [{"from": 0, "haircut": 0.05, "initial_haircut": 0.08}, {"from": 1000, "haircut": 0.15}], "liability_weight": 1.1},
    },
    "margin_schedules": {
        "majors": {"tiers": STEPS},
        "euro": {"currency": "EUR", "tiers": STEPS},
        "lots": {"amount_per_contract": {"maintenance": 4, "initial": 6}},
        "options": {"short_option": {"maintenance": {"rate": 0.10, "minimum": 0.05}, "initial": {"rate": 0.15, "minimum": 0.10}}},
    },
    "models": {"netted": {"net_by": "underlying", "spread_rate": 0.002, "positive_pnl_weight": {"maintenance": 1.0, "initial": 0.5}}},
}
LONG = "BTC-27DEC26-110000-C with a name that is much longer than any column of any terminal would be wide, and then some"
EXPIRY = datetime(2026, 12, 27, tzinfo=UTC)
OPTION: Row = {
    "kind": "option",
    "underlying": "BTC",
    "mark_price": 5.0,
    "strike": 110.0,
    "option_type": "call",
    "margin_schedule": "options",
    "expiry": EXPIRY,
}
INSTRUMENTS: dict[str, Row] = {
    "[red]PERP": {**PERPETUAL, "margin_schedule": "majors"},
    "EUR-LIKE": {**PERPETUAL, "margin_schedule": "euro"},
    "LOTS": {**PERPETUAL, "margin_schedule": "lots"},
    "FUT": {**PERPETUAL, "kind": "future", "margin_schedule": "majors", "expiry": EXPIRY},
    LONG: OPTION,
    "PAID": {**OPTION, "strike": 120.0},
    "MARGINED": {**OPTION, "premium_style": "margined"},
}
ASSETS: dict[str, Row] = {
    "BTC": {"price": 100.0, "collateral_schedule": "coin", "margin_schedule": "majors"},
    "EUR": {"price": 1.25},
    "evil\x1b[2Jcoin": {"price": 3.0},
}
CRASH: Row = {
    "spot": {"BTC": 60.0},
    "mark": {"[red]PERP": 60.0, LONG: 1.0},
    "haircut": {"BTC": 0.05},
    "ratio": {"BTC": 0.9},
    "margin_rate": {"majors": 1.5},
}


def shown(book: Case, width: int = 120, scenario: Row | None = None) -> str:
    resolved, marks = book.factors({"crash": CRASH if scenario is None else scenario})
    document = as_document(explain(book.dimensions, book.holdings, resolved, marks, book.rulebook, [1]))
    console = Console(width=width, file=StringIO(), color_system=None)
    console.print(explain_view(document))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def line(text: str, start: str, section: str = "account") -> list[str]:
    """The cells (two spaces or more apart) of the only line from a section on that starts so; the section ends where another begins."""
    lines = text[text.index(section) :].splitlines()
    if section != "account":
        lines = list(takewhile(str.strip, lines))
    (found,) = [candidate for candidate in lines if " ".join(candidate.split()).startswith(start)]
    return [cell.strip() for cell in found.split("  ") if cell.strip()]


def case(model: str = "default") -> Case:
    book = Case(ASSETS, INSTRUMENTS, MARGIN, {"A": {"owner_id": "Meridian", "margin_model": model, "margin_multiplier": 1.2}})
    book.hold("[red]PERP", 30.0, 90.0, leverage=4.0).hold(LONG, -3.0).hold("PAID", 2.0).hold("MARGINED", 4.0)
    return book.deposit("BTC", 20.0, "vault").deposit("BTC", -1.0).deposit("evil\x1b[2Jcoin", 5.0).deposit("USD", 100.0)


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("model", ["default", "netted"])
def test_it_fits_and_long_names_fold(width: int, model: str) -> None:
    text = shown(case(model), width)
    assert max(map(len, text.splitlines())) <= width
    positions = text[text.index("Positions") : text.index("Collateral")]
    first_column = "".join(cell[: cell.find("  ")] if "  " in cell else cell for cell in (row.strip() for row in positions.splitlines()[2:]))
    assert LONG.replace(" ", "") in first_column.replace(" ", ""), "folded, and nothing of it lost"


def test_data_is_neither_markup_nor_terminal_control() -> None:
    text = shown(case())
    assert "[red]PERP" in text
    assert "\x1b" not in text
    assert "evil\\x1b[2Jcoin" in text


def test_holdings() -> None:
    text = shown(case(), scenario={**CRASH, "holding": {("BTC", "vault"): 0.25}})
    assert line(text, "[red]PERP", "Positions") == ["[red]PERP", "30", "100", "60", "-40%", "-900.00", "-1,200.00"]
    assert line(text, "BTC vault", "Collateral") == ["BTC", "vault", "20", "100", "60", "25%", "300.00", "-1,700.00"]


def test_haircuts_band_by_band() -> None:
    text = shown(case(), scenario={"haircut": {"BTC": 0.05}, "ratio": {"BTC": 0.9}})
    assert line(text, "x collateral ratio 0.9") == ["x collateral ratio 0.9", "1,710.00"]
    assert line(text, "0 to 1,000", "Margin balance") == ["0 to 1,000", "5% > 10%", "8% > 13%", "1,000.00", "900.00", "870.00"]
    assert line(text, "from 1,000", "Margin balance") == ["from 1,000", "15% > 20%", "15% > 20%", "710.00", "568.00", "568.00"]
    assert line(text, "counts, by coin") == ["counts, by coin", "1,468.00", "1,438.00"]


def test_requirement_tier_by_tier() -> None:
    book = Case(ASSETS, INSTRUMENTS, MARGIN, {"A": {"margin_multiplier": 1.2}}).hold("[red]PERP", 30.0, leverage=4.0)
    text = shown(book, scenario={"margin_rate": {"majors": 1.5}})
    assert line(text, "0 to 1,000") == ["0 to 1,000", "1%", "2%", "1,000", "10.00", "20.00"]
    assert line(text, "from 1,000") == ["from 1,000", "5%", "10%", "2,000", "100.00", "200.00"]
    assert line(text, "at least") == ["at least 1 / leverage 4", "3,000", "–", "750.00"]
    assert line(text, "required") == ["required x margin rate 1.5 x multiplier 1.2", "198.00", "1,350.00"]


def test_deductions_are_shown_where_they_are_taken() -> None:
    less = {"maintenance_deduction": 40, "initial_deduction": 80}
    tiers = [{**STEPS[0], "maintenance_deduction": 0, "initial_deduction": 0}, {**STEPS[1], **less}]
    margin = {**MARGIN, "margin_schedules": {"cum": {"convention": "deduction", "tiers": tiers}}}
    text = shown(Case({"BTC": {"price": 100.0}}, {"X": {**PERPETUAL, "margin_schedule": "cum"}}, margin).hold("X", 30.0), scenario={})
    assert line(text, "from 1,000") == ["from 1,000, less 40 / 80", "5%", "10%", "3,000", "110.00", "220.00"]
    assert line(text, "0 to 1,000") == ["0 to 1,000", "1%", "2%", "0", "0.00", "0.00"]


def test_amounts_and_currencies() -> None:
    text = shown(Case(ASSETS, INSTRUMENTS, MARGIN).hold("LOTS", -3.0).hold("EUR-LIKE", 5.0), scenario={})
    assert line(text, "lots: USD a contract") == ["lots: USD a contract", "3", "12.00", "18.00"]
    assert line(text, "euro, marginal, EUR") == ["euro, marginal, EUR", "400"]
    assert line(text, "x EUR at") == ["x EUR at 1.25", "5.00", "10.00"]


def test_options() -> None:
    text = shown(case(), scenario={})
    assert line(text, "100 - 10 otm") == ["100 - 10 otm", "10%", "15%", "0.00", "15.00"]
    assert line(text, "minimum, on 100") == ["minimum, on 100", "5%", "10%", "15.00", "30.00"]
    assert line(text, "long: value less its credit") == ["long: value less its credit", "100%", "100%", "20.00", "20.00", "20.00"]
    assert line(text, "long and paid") == ["long and paid: needs nothing", "2", "0.00", "0.00"]


def test_net_by_underlying_and_two_versions_of_profit() -> None:
    book = Case(ASSETS, INSTRUMENTS, MARGIN, {"A": {"margin_model": "netted"}}).hold("[red]PERP", 30.0, 90.0).hold("FUT", -10.0)
    text = shown(book, scenario={})
    assert line(text, "long, over expiries")[-1] == "3,000"
    assert line(text, "spread, on min") == ["spread, on min(long, short)", "0.2%", "0.2%", "1,000", "2.00", "2.00"]
    assert line(text, "+ P&L") == ["+ P&L and spot positions", "300.00", "150.00"]


@pytest.mark.parametrize(
    ("cash", "verdict"),
    [
        (1000.0, "OK The margin balance covers both requirements."),
        (55.0, "CALL Initial margin balance 55.00 is below the initial requirement 60.00 (tolerance 0.01)."),
        (39.0, "LIQUIDATION Margin balance 39.00 is below the maintenance requirement 40.00 (tolerance 0.01)."),
        (-1.0, "DEFAULT Equity -1.00 is below zero (tolerance 0.01)."),
    ],
)
def test_totals_end_in_a_sentence(cash: float, verdict: str) -> None:
    text = shown(Case(ASSETS, INSTRUMENTS, MARGIN).hold("LOTS", 10.0).deposit("USD", cash), scenario={})
    assert " ".join(text.splitlines()[-1].split()) == verdict
    assert line(text, "shortfall = max(0, R - B)") == ["shortfall = max(0, R - B)", f"{max(0, 40 - cash):.2f}", f"{max(0, 60 - cash):.2f}"]


def test_pools_of_an_account_are_listed_and_summed() -> None:
    book = Case(ASSETS, INSTRUMENTS, MARGIN).deposit("USD", 10.0).hold("LOTS", 10.0, pool="LOTS long").deposit("USD", 3.0, pool="LOTS long")
    text = shown(book, scenario={})
    assert line(text, "Margin pool cross")
    assert line(text, "LOTS long") == ["LOTS long", "3.00", "3.00", "40.00", "37.00", "57.00", "LIQUIDATION"]
    assert text.splitlines()[-1].split() == ["account", "13.00", "13.00", "40.00", "37.00", "57.00", "LIQUIDATION"]


def test_large_amounts_are_shown_without_cents() -> None:
    text = shown(Case(ASSETS, INSTRUMENTS, MARGIN).deposit("BTC", 20_000.0).deposit("USD", 0.5), scenario={})
    assert line(text, "sum", "Collateral") == ["sum", "2,000,000", "0"]
    assert line(text, "tokens after haircut")[1] == "1,700,100.50", "the totals keep their cents"


INVERSE: Row = {"payoff": "inverse", "settle": "BTC", "contract_size": 10.0}


@pytest.mark.parametrize(
    ("terms", "held", "formula"),
    [
        ({"contract_size": 1000.0, "quote": "EUR"}, [(5.0, 12.1)], "5 x 1,000 x (60 - 12.1) x EUR at 1.25"),
        ({}, [(2.0, 50.0), (1.0, 80.0)], "3 x (60 - 60)"),
        ({}, [(2.0, -50.0)], "2 x (60 - (-50))"),
        # lots that cancel leave what was earned between them
        ({}, [(2.0, 50.0), (-2.0, 70.0)], "(0 x 60 - (-40))"),
        (INVERSE, [(200.0, 100.0)], "200 x 10 x (1/100 - 1/60) x BTC at 60"),
        (INVERSE, [(200.0, 100.0), (-200.0, 80.0)], "(-0.5 - 0/60) x 10 x BTC at 60"),
        ({"payoff": "quanto", "settle": "EUR"}, [(2.0, 50.0)], "2 x (60 - 50) x EUR at 1.25"),
        ({"kind": "spot"}, [(-2.0, 50.0)], "-2 x 60"),
        ({"contract_size": 0.001}, [(7.0, 0.00000123456789)], "7 x 0.001 x (60 - 0.00000123456789)"),
        ({"kind": "option", "strike": 90.0, "option_type": "put", "contract_size": 0.1}, [(7.0, 3.0)], "7 x 0.1 x 60"),
    ],
)
def test_a_value_can_be_added_again_from_its_line(terms: Row, held: list[tuple[float, float]], formula: str) -> None:
    book = Case(ASSETS, {"X": {**PERPETUAL, "margin_schedule": None, **terms}}, MARGIN).hold("X", held[0][0], held[0][1])
    for quantity, entry in held[1:]:  # one row per position: further lots are netted by sums
        book.positions[0]["quantity"] += quantity
        book.positions[0]["cost"] += quantity / entry if terms.get("payoff") == "inverse" else quantity * entry
    cells = line(shown(book, scenario={"spot": {"BTC": 60.0}, "mark": {"X": 60.0}}), "X", "Value, position")
    assert cells[1] == formula
    arithmetic = formula.replace(",", "").replace("EUR at ", "").replace("BTC at ", "").replace(" x ", " * ")
    assert cells[2] == f"{eval(arithmetic) + 0.0:,.2f}"


def test_funding_is_part_of_the_line() -> None:
    book = Case(ASSETS, {"X": {**PERPETUAL, "quote": "EUR", "margin_schedule": None}}, MARGIN).hold("X", 1.0, 90.0, funding=-3.0)
    assert line(shown(book, scenario={}), "X", "Value, position")[1:] == ["1 x (100 - 90) x EUR at 1.25 + funding -3 x EUR at 1.25", "8.75"]


def test_what_is_added_unhaircut_is_shown_in_its_parts() -> None:
    margin = {**MARGIN, "models": {"added": {"pnl_into": "value", "long_option_credit": 0.5}}}
    book = Case(ASSETS, INSTRUMENTS, margin, {"A": {"margin_model": "added"}}).hold("LOTS", 2.0, 90.0).hold("PAID", 4.0)
    text = shown(book, scenario={})
    assert line(text, "+ paid options", "Totals") == ["+ paid options", "10.00", "10.00"]
    assert line(text, "+ P&L", "Totals") == ["+ P&L, added as it is", "20.00", "20.00"]
    assert "added as it is" not in shown(case(), scenario={})


def test_forward_and_vol_of_an_option() -> None:
    book = Case(ASSETS, {"PAID": {**OPTION, "exercise": "american", "margin_schedule": None}}, MARGIN).hold("PAID", 1.0)
    resolved, marks = book.factors({"crash": {}})
    resolved = replace(resolved, option_codes=np.zeros(1, np.int32), vol_scale=np.array([[1.0, 1.5]]), vol_shift=np.array([[0.0, 0.1]]))
    table = np.array([[101.0, 61.5]])
    units = UnitValues(marks, table, table, table, table, np.array([0.6]), ("constant offset",), 0, 0)
    document = as_document(explain(book.dimensions, book.holdings, resolved, marks, book.rulebook, [1], units))
    (position,) = document["pools"][0]["positions"]
    names = ("base_forward", "stressed_forward", "base_vol", "stressed_vol", "treatment")
    assert tuple(position[name] for name in names) == (101.0, 61.5, 0.6, pytest.approx(1.0), "constant offset")
    console = Console(width=120, file=StringIO(), color_system=None)
    console.print(explain_view(document))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "forward 101 > 61.5, vol 60% > 100% (constant offset), American exercise" in text


def test_what_moves_weights_and_rates_is_shown_where_it_does() -> None:
    bands = [{"from": 0, "haircut": 0.1}]
    tiers = [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.10}]
    margin: Row = {
        "collateral_schedules": {
            "par": {"bands": [{"from": 0, "haircut": 0.0}]},
            "sized": {"bands": bands, "size_scaling": {"factor": {"maintenance": 0.1, "initial": 0.2}}, "concentration": {"deposits_above": 1000}},
        },
        "margin_schedules": {
            "growing": {"tiers": tiers, "size_scaling": {"factor": 0.01}},
            "crowded": {"tiers": tiers, "open_interest_scaling": {"from": 0, "to": 10_000}},
        },
        "models": {"default": {"conservative_prices": {"marks": True}}},
    }
    asset = {"price": 100.0, "price_low": 80.0, "price_high": 150.0, "collateral_schedule": "sized", "pool_deposits": 20.0}
    instruments = {"P": {**PERPETUAL, "margin_schedule": "growing"}, "Q": {**PERPETUAL, "margin_schedule": "crowded", "open_interest": 25.0}}
    text = shown(Case({"BTC": asset}, instruments, margin).hold("P", 9.0).hold("Q", -2.0).deposit("BTC", 4.0), scenario={})
    assert "0.00 / -180.00" in text
    assert line(text, "conservative price: x") == ["conservative price: x 1 / 0.8"]
    assert line(text, "venue's deposits: x") == ["venue's deposits: x 0.5 / 0.5"]
    assert line(text, "by its size at most") == ["by its size at most 0.8333 / 0.7143"]
    assert line(text, "x 1 / 0.8, at conservative prices") == ["x 1 / 0.8, at conservative prices", "900 / 720"]
    assert line(text, "rates grow with 3") == ["rates grow with 3; by the schedule", "5%", "10%"]
    assert line(text, "open interest 25: 25% of the way") == ["open interest 25: 25% of the way to 100 %", "–", "45.00"]
