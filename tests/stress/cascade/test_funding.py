"""Debts repaid: closed forms, published lending figures, many sellers at one price, and that nothing appears or disappears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from margin.kernels.kernel_case import KernelCase
from stress.cascade.liquidated_case import LiquidatedCase, Pool

from stresstest.stress.cascade.funding import Funding, can_act, collateral_ranks, fund
from stresstest.stress.cascade.liquidated import Layout, Pairs

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A market whose prices fall by `slope` a unit, or exponentially by `decay`, and never below a millionth of where they start."""

    shocked: Floats
    slope: Floats
    decay: Floats

    def after(self, sold: Floats) -> Floats:
        return np.maximum(self.shocked * np.exp(-self.decay * sold) - self.slope * sold, 1e-6 * self.shocked)

    def average(self, before: Floats, after: Floats) -> Floats:
        # Simpson is exact for a line; four thousand points leave 1e-13 of an exponential.
        points = np.linspace(before, after, 4001)
        weights = np.array([1.0, *([4.0, 2.0] * 1999), 4.0, 1.0]) / 12_000.0
        return np.tensordot(weights, self.after(points), axes=1)

    def at(self, assets: npt.NDArray[np.int32], scenarios: npt.NDArray[np.int32]) -> Line:
        return Line(*(table[assets, scenarios] for table in (self.shocked, self.slope, self.decay)))


CASE = LiquidatedCase(
    {"BTC": {"price": 100.0}, "ETH": {"price": 1_800.0}, "EUR": {"price": 1.25}, "DAX": {"price": 80.0, "price_currency": "EUR"}},
    {"P": {"kind": "perpetual", "underlying": "BTC", "mark_price": 100.0}},
    {"spot": {"ETH": 1_500.0}},
)
RANKS = np.array([CASE.asset[name] for name in ("BTC", "DAX", "ETH", "EUR", "USD")])  # by name
CURRENCY = CASE.resolved.value / CASE.resolved.spot


def market(slope: dict[str, float] | None = None, decay: dict[str, float] | None = None) -> Line:
    tables = []
    for given_ in (slope or {}, decay or {}):
        rows = [[given_.get(name, 0.0)] * 2 for name in CASE.asset]
        tables.append(np.array(rows))
    return Line(CASE.resolved.spot, *tables)


def funded(pairs: Pairs, prices: Line, ranks: npt.NDArray[np.int64] = RANKS, **terms: float) -> tuple[Pairs, Funding]:
    return fund(pairs, prices, np.zeros_like(prices.shocked), CURRENCY, ranks, CASE.layout, **terms)


@pytest.mark.parametrize(("terms", "expected"), [({"slope": {"BTC": 0.05}}, 50.64113103820716), ({"decay": {"BTC": 0.0005}}, 50.63561596857979)])
def test_one_seller_sells_the_closed_form(terms, expected):
    # T4: 5,000 dollars from a price of 100.
    after, found = funded(CASE.pairs(Pool({"USD": -5_000.0, "BTC": 1_000.0})), market(**terms))
    assert found.sales.units == pytest.approx([expected], rel=1e-12)
    assert found.sales.price == pytest.approx([5_000.0 / expected], rel=1e-12)
    assert CASE.tokens(after) == pytest.approx({"USD": 0.0, "BTC": 1_000.0 - expected}, abs=1e-9)
    assert (found.repaid.tolist(), found.unfunded.tolist()) == ([5_000.0], [0.0])
    assert found.sold[CASE.asset["BTC"]].tolist() == [found.sales.units[0], 0.0]


def test_what_cannot_be_raised_is_said():
    # T4: a line of slope 0.05 raises 100,000 at most, with 2,000 coins; 1,000 of them bring 75 each.
    after, found = funded(CASE.pairs(Pool({"USD": -90_000.0, "BTC": 1_000.0})), market({"BTC": 0.05}))
    assert CASE.tokens(after) == pytest.approx({"USD": -15_000.0, "BTC": 0.0})
    assert found.unfunded == pytest.approx([15_000.0])
    assert found.repaid == pytest.approx([75_000.0])


def test_lending_with_a_close_factor_and_a_bonus():
    # T6 (Aave): at 1,800 half of 150,000 is repaid and 43.75 ETH are seized.
    pairs = CASE.pairs(Pool({"USD": -150_000.0, "ETH": 100.0}))
    after, found = funded(pairs, market(), close_factor=0.5, collateral_bonus=0.05)
    assert CASE.tokens(after) == pytest.approx({"ETH": 56.25, "USD": -75_000.0}, rel=1e-14)
    assert found.sales.units == pytest.approx([43.75], rel=1e-14)
    assert found.sales.bonus == pytest.approx([3_750.0], rel=1e-12)
    left = CASE.tokens(after)
    assert left["ETH"] * 1_800 * 0.825 / -left["USD"] == pytest.approx(1.11375)


@pytest.mark.parametrize(("price", "bad_debt"), [(1_575.0, 0.0), (1_574.0, 150_000 - 157_400 / 1.05), (1_576.0, 0.0)])
def test_full_liquidation_leaves_bad_debt_below_a_price(price, bad_debt):
    # T6: 100 ETH raise 100 * P / 1.05.
    prices = market()
    prices.shocked[CASE.asset["ETH"]] = price
    after, found = funded(CASE.pairs(Pool({"USD": -150_000.0, "ETH": 100.0})), prices, collateral_bonus=0.05)
    assert found.unfunded == pytest.approx([bad_debt], abs=1e-9)
    assert CASE.tokens(after)["USD"] == pytest.approx(-bad_debt, abs=1e-9)


def test_lending_as_the_margin_engine_sees_it():
    # T6: a threshold of 0.825 is a haircut of 0.175. The account falls short below 1818.18; after half is repaid it does not.
    lending = {"collateral_schedules": {"eth": {"bands": [{"from": 0, "haircut": 0.175}]}}}
    perpetual = {"kind": "perpetual", "underlying": "ETH", "mark_price": 2_000.0}
    case = KernelCase({"ETH": {"price": 2_000.0, "collateral_schedule": "eth"}}, {"P": perpetual}, lending, {"A": {}, "B": {}})
    case.deposit("ETH", 100.0).deposit("USD", -150_000.0)
    case.deposit("ETH", 56.25, account="B").deposit("USD", -75_000.0, account="B")
    found = case.by_pool(at={"spot": {"ETH": 1_800.0}}, above={"spot": {"ETH": 1_818.19}}, below={"spot": {"ETH": 1_818.18}})
    status = {(account, scenario): figures["status"] for ((account, _), scenario), figures in found.items()}
    assert status == {
        ("A", "base"): "ok", ("A", "at"): "liquidation", ("A", "above"): "ok", ("A", "below"): "liquidation",
        ("B", "base"): "ok", ("B", "at"): "ok", ("B", "above"): "ok", ("B", "below"): "ok",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("instrument", "quantity", "deposit", "price"),
    [
        # T5: 2 BTC from 50,000 on 10,000 dollars at 0.5 %, and 100,000 dollars of inverse contracts on half a coin.
        ("LINEAR", 2.0, {"USD": 10_000.0}, 45_226.13065326633),
        ("LINEAR", -2.0, {"USD": 10_000.0}, 54_726.36815920399),
        ("INVERSE", 1_000.0, {"BTC": 0.5}, 40_200.0),
        ("INVERSE", -1_000.0, {"BTC": 0.5}, 66_333.3333),
    ],
)
def test_liquidation_starts_at_the_published_prices(instrument, quantity, deposit, price):
    margin = {"margin_schedules": {"half": {"tiers": [{"from": 0, "maintenance_rate": 0.005, "initial_rate": 0.01}]}}}
    perpetual = {"kind": "perpetual", "underlying": "BTC", "mark_price": 50_000.0, "margin_schedule": "half"}
    instruments = {"INVERSE": {**perpetual, "payoff": "inverse", "settle": "BTC", "contract_size": 100.0}, "LINEAR": perpetual}
    case = KernelCase({"BTC": {"price": 50_000.0}}, instruments, margin).hold(instrument, quantity)
    for asset, amount in deposit.items():
        case.deposit(asset, amount)
    # Two cents of the price are some cents of margin, more than the tolerance of one.
    beyond = -0.02 if quantity > 0 else 0.02
    moved = {
        name: {"spot": {"BTC": at}, "mark": {"LINEAR": at, "INVERSE": at}} for name, at in {"hit": price + beyond, "missed": price - beyond}.items()
    }
    assert {name: case.run(**moved)[name]["status"] == "liquidation" for name in moved} == {"hit": True, "missed": False}


def test_sellers_share_one_price():
    # The first has too little and sells all its 10, the second needs 8,000: v = 100 - 0.5 * (10 + 8000 / v) / 2, so v^2 - 97.5 v + 2000 = 0.
    price = (97.5 + (97.5**2 - 8_000.0) ** 0.5) / 2
    pairs = CASE.pairs(Pool({"USD": -5_000.0, "BTC": 10.0}), Pool({"USD": -8_000.0, "BTC": 500.0}), Pool({"USD": -7.0, "BTC": 1.0}, scenario=1))
    after, found = funded(pairs, market({"BTC": 0.5}))
    assert found.sales.price[:2] == pytest.approx([price, price], rel=1e-13)
    assert CASE.tokens(after, 0) == pytest.approx({"BTC": 0.0, "USD": 10 * price - 5_000.0})
    assert CASE.tokens(after, 1) == pytest.approx({"BTC": 500.0 - 8_000.0 / price, "USD": 0.0})
    # The third is alone in its scenario.
    assert found.sales.price[2] == pytest.approx(7.0 / ((100 - (100**2 - 2 * 0.5 * 7) ** 0.5) / 0.5), rel=1e-12)


def test_the_highest_of_several_prices_is_taken():
    # v = 100 - 2 * (2400 / v) / 2 holds at 60, where 40 are sold, and at 40, where 60 are.
    after, found = funded(CASE.pairs(Pool({"USD": -2_400.0, "BTC": 1_000.0})), market({"BTC": 2.0}))
    assert found.sales.price == pytest.approx([60.0], rel=1e-12)
    assert CASE.tokens(after) == pytest.approx({"BTC": 960.0, "USD": 0.0})


def test_at_the_edge_of_what_can_be_raised_a_sale_is_paid_what_it_makes_of_the_price():
    # A line of slope 0.05 raises 100,000 at most: up to there iteration creeps, and what it has not reached is owed, not invented.
    prices = Straight(*vars(market({"BTC": 0.05})).values())
    after, found = fund(CASE.pairs(Pool({"USD": -99_999.99, "BTC": 1e4})), prices, np.zeros_like(prices.shocked), CURRENCY, RANKS, CASE.layout)
    (sold,) = found.sales.units
    assert sold == pytest.approx((100 - 0.001**0.5) / 0.05, rel=1e-3)
    assert found.sales.value == pytest.approx([sold * (100 - 0.05 * sold / 2)], rel=1e-13)
    assert 0.0 <= found.unfunded[0] < 0.01
    assert CASE.tokens(after)["USD"] == -found.unfunded[0]


class Straight(Line):
    """A line without an end, its mean at once: for thousands of steps."""

    def average(self, before: Floats, after: Floats) -> Floats:
        return self.shocked - self.slope * (before + after) / 2

    def at(self, assets: npt.NDArray[np.int32], scenarios: npt.NDArray[np.int32]) -> Straight:
        return Straight(*(table[assets, scenarios] for table in (self.shocked, self.slope, self.decay)))


def test_debts_are_bought_back_first_and_cash_pays_first():
    # 10 coins at 100 + 0.5 * 10 / 2 = 102.5 cost 1,025; 25 dollars are there, 1,000 come from 800 euros.
    after, found = funded(CASE.pairs(Pool({"BTC": -10.0, "USD": 25.0, "EUR": 900.0, "ETH": 1.0})), market({"BTC": 0.5}), np.array([0, 3, 2, 1, 4]))
    assert CASE.tokens(after) == pytest.approx({"BTC": 0.0, "USD": 0.0, "EUR": 100.0, "ETH": 1.0})
    names = list(CASE.asset)
    assert [names[asset] for asset in found.sales.asset] == ["BTC", "EUR"]
    assert found.sales.units == pytest.approx([-10.0, 800.0])
    assert found.sales.value == pytest.approx([-1_025.0, 1_000.0])
    assert found.repaid == pytest.approx([1_025.0])


def test_prices_in_another_currency():
    # 80 euros are 100 dollars; 4 units bring 400.
    after, found = funded(CASE.pairs(Pool({"USD": -400.0, "DAX": 5.0})), market())
    assert CASE.tokens(after) == pytest.approx({"DAX": 1.0, "USD": 0.0})
    assert (found.sales.price[0], found.sales.value[0]) == pytest.approx((80.0, 400.0))


def test_pools_with_positions_and_pools_without_debts_stay_as_they_are():
    pairs = CASE.pairs(Pool({"USD": -400.0, "BTC": 5.0}, [("P", 1.0, None)]), Pool({"USD": 400.0, "BTC": 5.0}))
    after, found = funded(pairs, market())
    assert after.amount.tolist() == pairs.amount.tolist()
    assert (len(found.sales.pair), found.unfunded.tolist()) == (0, [0.0, 0.0])
    assert can_act(pairs, CASE.resolved.value, CASE.layout).tolist() == [True, False]


def test_rounding_is_no_debt():
    pairs = CASE.pairs(Pool({"USD": -1e-10, "BTC": 5.0}))
    assert not can_act(pairs, CASE.resolved.value, CASE.layout).any()
    assert len(funded(pairs, market())[1].sales.pair) == 0


@pytest.mark.parametrize(
    ("pool", "expected"), [({"USD": -5.0}, False), ({"USD": -5.0, "BTC": 1.0}, True), ({"BTC": -1.0}, True), ({"BTC": 1.0}, False), ({}, False)]
)
def test_what_is_left_to_liquidate(pool, expected):
    assert can_act(CASE.pairs(Pool(pool)), CASE.resolved.value, CASE.layout).tolist() == [expected]


def test_the_order_of_collateral():
    # Haircuts 0.2, 0.1, 0.1, 0; two views of four assets, the second counts the first in full.
    case = KernelCase(
        {"A": {"price": 1.0, "collateral_schedule": "low"}, "B": {"price": 1.0, "collateral_schedule": "high"},
         "C": {"price": 1.0, "collateral_schedule": "low"}},
        {"P": {"kind": "perpetual", "underlying": "A", "mark_price": 1.0}},
        {"collateral_schedules": {"low": {"bands": [{"from": 0, "haircut": 0.1}]}, "high": {"bands": [{"from": 0, "haircut": 0.2}]}}},
    )  # fmt: skip
    tables = case.parts()[0].tables
    layout = Layout(0, 4, np.zeros(0, np.int32), 3, np.zeros(1, np.int32), np.zeros(0, np.bool_))
    settles, depth = np.array([False, True, False, True]), np.array([1e6, 5e6, 2e6, np.inf])

    def order(*criteria: str) -> str:
        return "".join("ABC$"[code] for code in np.argsort(collateral_ranks(criteria, tables, layout, settles, depth)))

    assert order("settle", "haircut", "liquidity") == "$BCA"
    assert order("haircut", "liquidity", "settle") == "$CAB"
    assert order("liquidity", "settle", "haircut") == "$BCA"
    assert order("haircut", "settle") == "$ACB"


@given(sellers=st.lists(st.tuples(st.floats(1.0, 5e4), st.floats(0.1, 500.0)), min_size=1, max_size=5), slope=st.floats(1e-3, 0.2))
def test_the_price_is_the_highest_at_which_sales_agree(sellers, slope):
    # Piece by piece: who asks more than he has at v, sells what he has, H together; the others need K: v^2 - (100 - slope H / 2) v + slope K / 2 = 0.
    prices = Straight(*vars(market({"BTC": slope})).values())
    pairs = CASE.pairs(*(Pool({"USD": -needs, "BTC": has}) for needs, has in sellers))
    edges = sorted({needs / has for needs, has in sellers if needs / has < 100.0}, reverse=True)
    for high, low in zip([100.0, *edges], [*edges, 0.0], strict=True):
        limited = sum(has for needs, has in sellers if needs / has >= high * (1 - 1e-12))
        need = sum(needs for needs, has in sellers if needs / has < high * (1 - 1e-12))
        half = (100.0 - slope * limited / 2) / 2
        inside = half * half - slope * need / 2
        assume(abs(inside) > 1e-4 * half * half)  # where two roots all but meet, their digits are lost
        expected = half + max(inside, 0.0) ** 0.5
        if inside > 0.0 and low * (1 - 1e-12) <= expected <= high * (1 + 1e-12):
            break
    assume(expected > 1.0)
    _, found = fund(pairs, prices, np.zeros_like(prices.shocked), CURRENCY, RANKS, CASE.layout)
    assert found.sales.price == pytest.approx([expected] * len(sellers), rel=1e-9)
    assert found.sales.value == pytest.approx(found.sales.units * expected, rel=1e-9)


AMOUNTS = st.floats(-1e4, 1e4).filter(lambda amount: abs(amount) > 1e-3)
POOLS = st.lists(
    st.builds(Pool, st.dictionaries(st.sampled_from(["USD", "BTC", "ETH", "EUR", "DAX"]), AMOUNTS), st.just(()), st.integers(0, 1)),
    min_size=1,
    max_size=4,
)


@given(pools=POOLS, close_factor=st.sampled_from([0.3, 1.0]), bonus=st.sampled_from([0.0, 0.1]), slope=st.sampled_from([0.0, 1e-4, 0.02]))
def test_nothing_appears_or_disappears(pools, close_factor, bonus, slope):
    # Tokens change by what is sold and bought; dollars by what that brings, less the bonus. Nobody sells what he does not have or more than he must.
    pairs, prices = CASE.pairs(*pools), market({"BTC": slope, "ETH": slope, "DAX": slope})
    after, found = funded(pairs, prices, close_factor=close_factor, collateral_bonus=bonus)
    sales = found.sales
    for number in range(len(pools)):
        mine = sales.pair == number
        before, left = CASE.tokens(pairs, number), CASE.tokens(after, number)
        size = sum(abs(amount) * 3_000.0 for amount in before.values()) + 1.0
        moved = dict.fromkeys(before, 0.0)
        for asset, units in zip(sales.asset[mine], sales.units[mine], strict=True):
            moved[list(CASE.asset)[asset]] -= units
        money = float(np.sum(sales.value[mine] - sales.bonus[mine]))
        for name, amount in before.items():
            assert abs(left[name] - amount - (money if name == "USD" else moved[name])) <= 1e-10 * size
            if name != "USD":
                assert min(0.0, (1 - close_factor) * amount) - 1e-9 <= left[name] <= max(amount, 0.0) + 1e-9
        owed = sum(max(0.0, -amount) for name, amount in before.items() if name == "USD")
        spent = -float(np.sum(sales.value[mine & (sales.units < 0.0)]))
        assert abs(found.repaid[number] - (owed + spent - max(0.0, -left["USD"]))) <= 1e-10 * size
        if found.unfunded[number] > 1e-6:
            assert all(left[name] == 0.0 for name, amount in before.items() if amount > 0.0 and name != "USD"), "something was left to sell"
        else:
            assert abs(left["USD"] - (1 - close_factor) * min(before["USD"], 0.0) - max(0.0, max(before["USD"], 0.0) - spent)) <= 1e-9 * size
    gone = np.zeros_like(found.sold)
    np.add.at(gone, (sales.asset, pairs.scenario[sales.pair]), sales.units)
    assert found.sold == pytest.approx(gone, rel=1e-12, abs=1e-9)
