"""Strategy models through the kernels: figures worked by hand from the rules, and laws that any recognition must keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.explain_case import Row
from margin.kernels.kernel_case import Floats, KernelCase

from stresstest.valuation.unit_values import UnitValues

RULE: Row = {"rate": 0.20, "minimum": 0.10}
PUT_RULE: Row = {"where": {"option_type": "put"}, "maintenance": RULE, "initial": RULE, "base": "strike"}
CALL_RULE: Row = {"maintenance": RULE, "initial": RULE}
LISTED: Row = {
    "kind": "strategy",
    "naked_shorts": [PUT_RULE, CALL_RULE],
    "shares": {"long": {"maintenance": 0.25, "initial": 0.5}, "short": {"maintenance": 0.30, "initial": 0.5}},
}
JANUARY, JUNE = "2027-01-15T21:00:00Z", "2027-06-18T21:00:00Z"


def option(kind: str, strike: float, price: float, *, expiry: str = JANUARY, size: float = 100.0, **columns: Any) -> Row:
    """A listed option on XYZ."""
    terms = {"strike": strike, "option_type": kind, "contract_size": size, "expiry": datetime.fromisoformat(expiry)}
    return {"kind": "option", "underlying": "XYZ", "mark_price": price, **terms, **columns}


class AtSpot(KernelCase):
    """Forwards are spot prices."""

    def units(self, value: Floats, mark: Floats) -> UnitValues:
        """See `KernelCase`."""
        spot = np.array([value[self.asset[terms["underlying"]]] for terms in self.instruments.values()])
        return replace(super().units(value, mark), forward=spot)


def book(instruments: dict[str, Row], held: dict[str, float], price: float = 100.0, **model: Any) -> KernelCase:
    """An account of the listed model (with other keys laid over it) that holds the instruments."""
    stock = {"kind": "spot", "underlying": "XYZ", "mark_price": price}
    case = AtSpot(
        {"XYZ": {"price": price}}, {"XYZ-STOCK": stock, **instruments},
        {"models": {"listed": {**LISTED, **model}}}, {"A": {"margin_model": "listed"}},
    )  # fmt: skip
    for name, quantity in held.items():
        case.hold(name, quantity)
    return case


def needed(instruments: dict[str, Row], held: dict[str, float], price: float = 100.0, **model: Any) -> tuple[float, float]:
    figures = book(instruments, held, price, **model).run()["base"]
    return figures["maintenance_margin"], figures["initial_margin"]


C100, C110, P90, P80 = option("call", 100.0, 6.0), option("call", 110.0, 2.5), option("put", 90.0, 2.0), option("put", 80.0, 0.5)
CHAIN = {"C100": C100, "C110": C110, "P90": P90, "P80": P80, "C120-JUN": option("call", 120.0, 3.0, expiry=JUNE)}


@pytest.mark.parametrize(("held", "maintenance", "initial"), [
    # 20 % of 100 less 10 out of the money = 10, and 10 % of 100 = 10.
    ({"C110": -1.0}, 1_000.0, 1_000.0),
    # At the money: 20 % of 100.
    ({"C100": -2.0}, 4_000.0, 4_000.0),
    # 20 - 20 out of the money = 0, but 10 % of the strike of 80.
    ({"P80": -1.0}, 800.0, 800.0),
    # Paid in full.
    ({"C100": 1.0}, 600.0, 600.0),
    # Width 10, less the credit of 6.0 - 2.5.
    ({"C100": -1.0, "C110": 1.0}, 650.0, 650.0),
    # A debit spread cannot lose more than was paid: 6.0 - 2.5.
    ({"C100": 1.0, "C110": -1.0}, 350.0, 350.0),
    # An iron condor is wrong on one side only: 10 less credits of 3.5 and 1.5.
    ({"C100": -1.0, "C110": 1.0, "P90": -1.0, "P80": 1.0}, 500.0, 500.0),
    # A long call that expires later covers: width 20, less 6.0 - 3.0.
    ({"C100": -1.0, "C120-JUN": 1.0}, 1_700.0, 1_700.0),
    # One that expires earlier does not: the June call, 20 out of the money, needs 10 % of 100; the other is paid in full.
    ({"C120-JUN": -1.0, "C110": 1.0}, 1_250.0, 1_250.0),
    # Strangle: the call needs 20 with 6.0 of value, the put 10 with 2.0: the call counts.
    ({"C100": -1.0, "P90": -1.0}, 2_000.0, 2_000.0),
    # Two calls and a put: one strangle, one call left.
    ({"C100": -2.0, "P90": -1.0}, 4_000.0, 4_000.0),
    # Shares alone: 25 % and 50 % of 10,000 long, 30 % and 50 % short.
    ({"XYZ-STOCK": 100.0}, 2_500.0, 5_000.0),
    ({"XYZ-STOCK": -100.0}, 3_000.0, 5_000.0),
    # Covered: the option needs nothing.
    ({"XYZ-STOCK": 100.0, "C110": -1.0}, 2_500.0, 5_000.0),
    ({"XYZ-STOCK": -100.0, "P90": -1.0}, 3_000.0, 5_000.0),
    # 100 shares cover one call of two.
    ({"XYZ-STOCK": 100.0, "C100": -2.0}, 2_500.0 + 2_000.0, 5_000.0 + 2_000.0),
])  # fmt: skip
def test_worked_requirements(held: dict[str, float], maintenance: float, initial: float) -> None:
    assert needed(CHAIN, held) == pytest.approx((maintenance, initial), rel=1e-12)


def test_a_spread_wider_than_the_naked_short_needs_what_its_legs_need_apart() -> None:
    # Width 400 against 20 % of 100 naked, and 0.1 paid for the long call.
    far = {**CHAIN, "C500": option("call", 500.0, 0.1)}
    assert needed(far, {"C100": -1.0, "C500": 1.0}) == pytest.approx((2_010.0, 2_010.0), rel=1e-12)


def test_equal_legs_net_whatever_their_contract_size() -> None:
    mini = {**CHAIN, "C100-MINI": option("call", 100.0, 6.0, size=10.0)}
    assert needed(mini, {"C100": -1.0, "C100-MINI": 10.0}) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_equal_legs_net_before_others_pair() -> None:
    # The long 110 cancels the short 110 of another contract size and leaves the short 100 naked, though it could cover it.
    mini = {**CHAIN, "C110-MINI": option("call", 110.0, 2.5, size=10.0)}
    assert needed(mini, {"C100": -1.0, "C110": 1.0, "C110-MINI": -10.0})[0] == pytest.approx(2_000.0, rel=1e-12)


def test_an_underlying_that_returns_a_multiple_needs_a_multiple() -> None:
    leverage = [{"where": {"asset": "XYZ"}, "factor": 3.0}]
    # 60 - 10 out of the money; the minimum of the put: 30 % of its strike.
    assert needed(CHAIN, {"C110": -1.0}, leverage=leverage)[0] == pytest.approx(5_000.0)
    assert needed(CHAIN, {"P80": -1.0}, leverage=leverage)[0] == pytest.approx(4_000.0)


def test_long_dated_options_have_a_loan_value() -> None:
    # 28 weeks to June from 20 November; January is 8 weeks.
    rules = [{"where": {"tenor_days": [180, None]}, "rate": 0.75}]
    assert needed(CHAIN, {"C120-JUN": 1.0}, long_options=rules)[0] == pytest.approx(225.0)
    assert needed(CHAIN, {"C100": 1.0}, long_options=rules)[0] == pytest.approx(600.0)


def test_amounts_a_unit_are_rounded_where_the_model_says_so() -> None:
    # 20 % of 100.03 = 20.006.
    assert needed(CHAIN, {"C100": -1.0}, 100.03)[0] == pytest.approx(2_000.6)
    assert needed(CHAIN, {"C100": -1.0}, 100.03, round_to=0.01)[0] == pytest.approx(2_001.0)


def test_requirements_follow_the_state() -> None:
    """In a scenario the spread keeps its width, values and the underlying move; the currency of the strike moves what is measured in it."""
    found = book(CHAIN, {"C100": -1.0, "C110": 1.0, "P90": -1.0}).run(up={"spot": {"XYZ": 120.0}, "mark": {"C100": 21.0, "C110": 12.0, "P90": 0.4}})
    # Width 10 less 9.0; the put needs 10 % of its strike of 90.
    assert found["up"]["maintenance_margin"] == pytest.approx(100.0 + 900.0)


def test_a_margin_rate_of_the_model_multiplies_once() -> None:
    margin = {"models": {"listed": LISTED}, "margin_schedules": {"flat": {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.1}]}}}
    perpetual = {"kind": "perpetual", "underlying": "XYZ", "mark_price": 100.0, "margin_schedule": "flat"}
    accounts = {"A": {"margin_model": "listed", "margin_multiplier": 2.0}}
    case = KernelCase({"XYZ": {"price": 100.0}}, {**CHAIN, "PERP": perpetual}, margin, accounts).hold("PERP", 10.0).hold("C100", -1.0)
    found = case.run(
        model={"margin_rate": {"listed": 1.5}}, schedule={"margin_rate": {"flat": 1.5}}, both={"margin_rate": {"flat": 1.5, "listed": 1.5}}
    )
    # The future by its schedule: 5 % of 1,000. All is doubled by the account's multiplier.
    assert [found[each]["maintenance_margin"] for each in ("base", "model", "schedule", "both")] == pytest.approx(
        [4_100.0, 6_100.0, 4_150.0, 6_150.0]
    )


def test_options_in_other_currencies_pair_among_themselves_alone() -> None:
    euro = {**CHAIN, "C110-EUR": option("call", 110.0, 2.5, quote="EUR")}
    case = KernelCase({"XYZ": {"price": 100.0}, "EUR": {"price": 2.0}}, euro, {"models": {"listed": LISTED}}, {"A": {"margin_model": "listed"}})
    found = case.hold("C100", -1.0).hold("C110-EUR", 1.0).run()["base"]
    # Naked, and 2.5 euro of 2 dollars paid in full.
    assert found["maintenance_margin"] == pytest.approx(2_000.0 + 500.0)


EXPIRY: Row = {
    "kind": "strategy", "recognition": "expiry_max_loss", "unpaired_scale": {"maintenance": 1.1, "initial": 1.2},
    "naked_shorts": [
        {"where": {"option_type": "put"}, "maintenance": {"rate": 0, "minimum": 0.075, "of_value": 0.075}, "initial": {"rate": 0.15, "minimum": 0.10},
         "initial_multiple": 1.05},
        {"maintenance": {"rate": 0, "minimum": 0.075}, "initial": {"rate": 0.15, "minimum": 0.10}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("held", "maintenance", "initial"), [
    # A short call: 7.5 % of 100; 15 % of 100 at the money.
    ({"C100": -1.0}, 750.0, 1_500.0),
    # A deep put: 7.5 % of its value of 200 is more than of the price; with its value 215, times 1.05 is 225.75, less the value.
    ({"P300": -1.0}, 1_500.0, 2_575.0),
    # A spread: its legs apart (7.5 and 2.5 paid) against width 10 less 3.5.
    ({"C100": -1.0, "C110": 1.0}, 650.0, 650.0),
    # All legs of the expiry at once: the put spread loses 10 at most, 1.5 of it in values; the call is paid. Apart: 7.5 or 10, 0.5 and 6.
    ({"P90": -1.0, "P80": 1.0, "C100": 1.0}, 750.0 + 50.0 + 600.0, 1_000.0 - 150.0 + 600.0),
    # One of two calls is sold alone, which would need its forward: less are the legs apart, with the put and a call paid.
    ({"P300": 1.0, "C100": -2.0, "C110": 1.0}, 2 * 750.0 + 250.0 + 20_000.0, 2 * 1_500.0 + 250.0 + 20_000.0),
])  # fmt: skip
def test_largest_loss_of_an_expiry(held: dict[str, float], maintenance: float, initial: float) -> None:
    chain = {**CHAIN, "P300": option("put", 300.0, 200.0)}
    case = AtSpot({"XYZ": {"price": 100.0}}, chain, {"models": {"m": EXPIRY}}, {"A": {"margin_model": "m"}})
    for name, quantity in held.items():
        case.hold(name, quantity)
    found = case.run()["base"]
    assert (found["maintenance_margin"], found["initial_margin"]) == pytest.approx((maintenance, initial), rel=1e-12)


def test_calls_sold_alone_need_the_forward() -> None:
    """At 110 the three lose 10 + 2 * 10 less what one bought gives; the forward of 100 counts 1.1 times for each of the two sold alone."""
    rule = {"maintenance": {"rate": 9.0, "minimum": 9.0}, "initial": {"rate": 9.0, "minimum": 9.0}}
    model = {**EXPIRY, "naked_shorts": [rule]}
    case = AtSpot({"XYZ": {"price": 100.0}}, CHAIN, {"models": {"m": model}}, {"A": {"margin_model": "m"}}).hold("C100", -3.0).hold("C110", 1.0)
    found = case.run(up={"spot": {"XYZ": 200.0}, "mark": {}})
    together = 3 * 1_000.0 - (3 * 600.0 - 250.0)
    assert found["base"]["maintenance_margin"] == pytest.approx(together + 2 * 1.1 * 10_000.0)
    assert found["base"]["initial_margin"] == pytest.approx(together + 2 * 1.2 * 10_000.0)
    assert found["up"]["initial_margin"] == pytest.approx(together + 2 * 1.2 * 20_000.0)


LONGS = {f"L{n}": option(kind, strike, price) for n, (kind, strike, price) in enumerate([
    ("call", 90.0, 12.0), ("call", 105.0, 4.0), ("call", 130.0, 0.5), ("put", 70.0, 0.2), ("put", 95.0, 3.5), ("put", 110.0, 11.0),
])}  # fmt: skip
SHORTS = {"S0": option("call", 98.0, 7.0), "S1": option("put", 97.0, 4.2)}


def besides_longs(held: dict[str, float], **model: Any) -> float:
    """What is required besides the value of long options, which the balance has."""
    values = sum(100.0 * quantity * LONGS[name]["mark_price"] for name, quantity in held.items() if name in LONGS)
    return needed({**CHAIN, **SHORTS, **LONGS}, held, **model)[0] - values


@settings(max_examples=40, deadline=None)
@given(
    short=st.sampled_from(["S0", "S1"]),
    longs=st.dictionaries(st.sampled_from(sorted(LONGS)), st.integers(1, 3), max_size=3),
    more=st.sampled_from(sorted(LONGS)),
    recognition=st.sampled_from(["pairs", "expiry_max_loss"]),
)
def test_a_long_leg_never_raises_the_requirement(short: str, longs: dict[str, int], more: str, recognition: str) -> None:
    """Beside shorts of one type and expiry, and never to more than the naked short needs."""
    before = {short: -2.0, **{name: float(count) for name, count in longs.items()}}
    after = {**before, more: before.get(more, 0.0) + 1.0}
    naked = besides_longs({short: -2.0}, recognition=recognition)
    assert besides_longs(after, recognition=recognition) <= besides_longs(before, recognition=recognition) + 1e-9 <= naked + 2e-9


@settings(max_examples=25, deadline=None)
@given(held=st.dictionaries(st.sampled_from(sorted({**CHAIN, **SHORTS, **LONGS})), st.integers(-4, 4), max_size=6), times=st.sampled_from([0.1, 3.0]))
def test_a_multiple_of_a_book_needs_the_multiple(held: dict[str, int], times: float) -> None:
    every = {**CHAIN, **SHORTS, **LONGS}
    one = needed(every, {name: float(quantity) for name, quantity in held.items()})
    assert needed(every, {name: times * quantity for name, quantity in held.items()}) == pytest.approx([times * each for each in one], abs=1e-9)
    assert min(one) >= 0.0
