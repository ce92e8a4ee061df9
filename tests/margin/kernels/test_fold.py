"""Requirements folded into slopes, constants and steps: every convention at, below and beyond its edges, by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.explain_case import PERPETUAL, Row
from margin.kernels.kernel_case import KernelCase, piecewise, spot

from stresstest.margin.kernels.program import INSTRUCTIONS, NEEDS, STEPS_AT, VALUES

STEPS = [{"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": 1000, "maintenance_rate": 0.05, "initial_rate": 0.10}]


def case(schedule: Row, quantity: float, *, leverage: float = 0.0, account: Row | None = None, model: Row | None = None) -> KernelCase:
    """One perpetual X on BTC at 100, charged by the schedule `tiered`."""
    margin: Row = {"margin_schedules": {"tiered": schedule}, "models": {"default": model or {}}}
    book = KernelCase(
        {"BTC": {"price": 100.0, "margin_schedule": "tiered"}, "EUR": {"price": 1.25}},
        {"X": {**PERPETUAL, "margin_schedule": "tiered"}},
        margin,
        {"A": account or {}},
    )
    book.hold("X", quantity, leverage=leverage)
    return book


def needs(book: KernelCase, *prices: float) -> list[tuple[float, float]]:
    """(maintenance, initial) at base and at each price."""
    found = book.run(**{f"at_{number}": spot(price) for number, price in enumerate(prices)})
    return [(figures["maintenance_margin"], figures["initial_margin"]) for figures in found.values()]


def deductions(*pairs: tuple[float, float], tiers: list[Row] = STEPS) -> list[Row]:
    return [{**tier, "maintenance_deduction": m, "initial_deduction": i} for tier, (m, i) in zip(tiers, pairs, strict=True)]


@pytest.mark.parametrize("quantity", [10.0, -10.0])
def test_marginal_tiers_below_at_and_above_the_edge(quantity: float) -> None:
    # n = 1000 at base; then 500, 999, 1001, 3000.
    assert needs(case({"tiers": STEPS}, quantity), 50.0, 99.9, 100.1, 300.0) == [
        pytest.approx(pair) for pair in [(10, 20), (5, 10), (9.99, 19.98), (10.05, 20.1), (110, 220)]
    ]


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_whole_holds_its_lower_edge(direction: float) -> None:
    # The rate of the tier that holds n applies to all of n: 1000 belongs to the second, the largest double below to the first.
    found = needs(case({"tiers": STEPS, "convention": "whole"}, 10.0 * direction), 99.9, 99.99999999999999, 100.0, 300.0)
    assert found == [pytest.approx(pair) for pair in [(50, 100), (9.99, 19.98), (10, 20), (50, 100), (150, 300)]]


def test_deduction_is_zero_up_to_deduction_over_rate() -> None:
    tier = [{"from": 0, "maintenance_rate": 0.02, "initial_rate": 0.04}]
    book = case({"convention": "deduction", "tiers": deductions((30, 20), tiers=tier)}, 10.0)
    # Maintenance is zero up to 1500, initial up to 500: n = 1000, 400, 500, 1500, 2000.
    assert needs(book, 40.0, 50.0, 150.0, 200.0) == [pytest.approx(pair, abs=1e-12) for pair in [(0, 20), (0, 0), (0, 0), (0, 40), (10, 60)]]


def test_deduction_of_each_tier() -> None:
    book = case({"convention": "deduction", "tiers": deductions((0, 0), (40, 80))}, 10.0)
    assert needs(book, 99.9, 300.0) == [pytest.approx(pair) for pair in [(10, 20), (9.99, 19.98), (110, 220)]]


def test_a_deduction_larger_than_its_tier_leaves_nothing_there() -> None:
    # Tier 1 never reaches its zero at 5000; tier 2 asks 0.05 n - 10.
    book = case({"convention": "deduction", "tiers": deductions((50, 0), (10, 0))}, 10.0)
    assert needs(book, 90.0, 200.0) == [pytest.approx(pair) for pair in [(40, 100), (0, 18), (90, 200)]]


def test_leverage_crosses_inside_a_tier() -> None:
    # 1/20 of n against 0.02 n, then 0.10 n - 80: the lines cross at 1600.
    found = needs(case({"tiers": STEPS}, 10.0, leverage=20.0), 50.0, 130.0, 160.0, 200.0)
    assert [initial for _, initial in found] == [pytest.approx(value) for value in (50, 25, 65, 80, 120)]
    assert [maintenance for maintenance, _ in found] == [pytest.approx(value) for value in (10, 5, 25, 40, 60)]


@pytest.mark.parametrize(
    ("leverage", "prices", "initial"),
    [
        pytest.param(20.0, (140.0, 110.0), (50, 70, 55), id="crossing at 1600, beyond the highest value"),
        pytest.param(20.0, (170.0, 500.0), (50, 90, 420), id="crossing between base and the others"),
        pytest.param(2.0, (50.0, 500.0), (500, 250, 2500), id="leverage everywhere"),
        pytest.param(100.0, (50.0, 500.0), (20, 10, 420), id="leverage nowhere"),
        pytest.param(50.0, (50.0, 500.0), (20, 10, 420), id="the same line in the first tier"),
        pytest.param(10.0, (50.0, 500.0), (100, 50, 500), id="parallel to the last tier"),
    ],
)
def test_leverage_beside_marginal_tiers(leverage: float, prices: tuple[float, ...], initial: tuple[float, ...]) -> None:
    found = needs(case({"tiers": STEPS}, 10.0, leverage=leverage), *prices)
    assert [value for _, value in found] == [pytest.approx(value) for value in initial]


def test_an_account_cap_on_leverage_comes_with_its_positions() -> None:
    # Staging puts the smaller of chosen and allowed leverage on the position; here only its effect: half of 1000.
    assert needs(case({"tiers": STEPS}, 10.0, leverage=2.0)) == [pytest.approx((10, 500))]


CONTRACTS = [{"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": 10, "maintenance_rate": 0.05, "initial_rate": 0.10}]


@pytest.mark.parametrize(
    ("schedule", "quantity", "expected"),
    [
        # 10 contracts at 1 %, 5 at 5 %: 0.35 contracts' worth of the price.
        pytest.param({"tiers": CONTRACTS}, 15.0, [(35, 70), (17.5, 35)], id="marginal"),
        pytest.param({"tiers": CONTRACTS}, -15.0, [(35, 70), (17.5, 35)], id="marginal short"),
        pytest.param({"tiers": CONTRACTS}, 9.0, [(9, 18), (4.5, 9)], id="marginal in the first tier"),
        pytest.param({"tiers": CONTRACTS, "convention": "whole"}, 10.0, [(50, 100), (25, 50)], id="whole at the edge"),
        pytest.param({"tiers": CONTRACTS, "convention": "whole"}, 9.5, [(9.5, 19), (4.75, 9.5)], id="whole below the edge"),
        pytest.param(
            {"tiers": deductions((0, 0), (30, 40), tiers=CONTRACTS), "convention": "deduction"}, 10.0, [(20, 60), (0, 10)], id="deduction to zero"
        ),
        pytest.param(
            {"tiers": deductions((0, 0), (0, 60), tiers=CONTRACTS), "convention": "deduction"}, 10.0, [(50, 40), (25, 0)], id="one deduction only"
        ),
    ],
)
def test_basis_contracts(schedule: Row, quantity: float, expected: list[tuple[float, float]]) -> None:
    assert needs(case({**schedule, "basis": "contracts"}, quantity), 50.0) == [pytest.approx(pair, abs=1e-12) for pair in expected]


def test_contracts_with_leverage() -> None:
    # 0.10 n - 40 against n / 16 = 0.0625 n: they cross at 1066.7.
    schedule = {"basis": "contracts", "convention": "deduction", "tiers": deductions((0, 0), (30, 40), tiers=CONTRACTS)}
    assert [i for _, i in needs(case(schedule, 10.0, leverage=16.0), 50.0, 200.0)] == [pytest.approx(value) for value in (62.5, 31.25, 160)]


def test_amount_per_contract() -> None:
    schedule = {"amount_per_contract": {"maintenance": 3.0, "initial": 5.0}}
    assert needs(case(schedule, -10.0), 300.0) == [pytest.approx((30, 50))] * 2
    # n / 10 overtakes 50 at n = 500.
    assert [i for _, i in needs(case(schedule, 10.0, leverage=10.0), 40.0, 300.0)] == [pytest.approx(value) for value in (100, 50, 300)]


def test_multiplier_and_margin_rates_multiply_all_of_it() -> None:
    book = case({"tiers": STEPS}, 20.0, account={"margin_multiplier": 1.5})
    found = book.run(schedule={"margin_rate": {"tiered": 2.0}}, both={"margin_rate": {"tiered": 2.0, "default": 0.5}}, still={})
    # 0.01 * 1000 + 0.05 * 1000 = 60, times 1.5.
    assert [figures["maintenance_margin"] for figures in found.values()] == [pytest.approx(value) for value in (90, 180, 90, 90)]


def test_thresholds_in_a_currency_that_moves() -> None:
    book = case({"currency": "EUR", "tiers": STEPS}, 20.0)
    # 2000 USD are 1600 EUR at 1.25 and 2000 EUR at 1.00.
    found = book.run(parity={"spot": {"EUR": 1.0}})
    assert [figures["maintenance_margin"] for figures in found.values()] == [pytest.approx(value) for value in ((10 + 30) * 1.25, 10 + 50)]


def test_a_schedule_in_a_currency_that_moves_is_no_shock_of_margin_rates() -> None:
    # Scenarios that shock margin rates or haircuts are walked apart from those that do not, whatever the currencies.
    compiled, _, _ = case({"currency": "EUR", "tiers": STEPS}, 20.0).parts(
        parity={"spot": {"EUR": 1.0}}, rates={"margin_rate": {"tiered": 2.0}}, still={}, cut={"haircut": {"BTC": 0.1}}
    )
    lanes = compiled.lanes
    assert [lane[:used].tolist() for lane, used in zip(lanes.scenario, lanes.used, strict=True)] == [[0], [1, 3], [2, 4]]


def test_groups_of_different_weights_in_one_pool() -> None:
    margin: Row = {"margin_schedules": {name: {"tiers": STEPS} for name in ("a", "b", "c")}}
    book = KernelCase(
        {"BTC": {"price": 100.0}}, {name: {**PERPETUAL, "margin_schedule": schedule} for name, schedule in zip("XYZ", "abc", strict=True)}, margin
    )
    for name, quantity in (("X", 1.0), ("Y", 2.0), ("Z", 4.0)):
        book.hold(name, quantity)
    found = book.run(
        one={"margin_rate": {"a": 3.0}}, two={"margin_rate": {"b": 0.0, "c": 2.0}}, together={"margin_rate": {"a": 2.0, "b": 2.0, "c": 2.0}}
    )
    # 1, 2 and 4 at rate one.
    assert [figures["maintenance_margin"] for figures in found.values()] == [pytest.approx(value) for value in (7, 3 + 2 + 4, 1 + 8, 14)]


# ------------------------------------------------------------------ netting by underlying


def netted(spread: float, *legs: tuple[float, int | None], leverage: float = 0.0, price: float = 100.0) -> KernelCase:
    """Futures (by day of expiry, None = perpetual) of BTC under a model that nets by underlying."""
    margin: Row = {
        "margin_schedules": {"tiered": {"tiers": STEPS}},
        "models": {"default": {"net_by": "underlying", "spread_rate": {"maintenance": spread, "initial": 2 * spread}}},
    }
    instruments = {
        f"F{number}": {
            **PERPETUAL,
            "kind": "perpetual" if day is None else "future",
            "mark_price": price,
            "margin_schedule": None,
            "expiry": None if day is None else datetime(2027, 1, day, tzinfo=UTC),
        }
        for number, (_, day) in enumerate(legs)
    }
    book = KernelCase({"BTC": {"price": price, "margin_schedule": "tiered"}}, instruments, margin)
    for number, (quantity, _) in enumerate(legs):
        book.hold(f"F{number}", quantity, leverage=leverage if number == 0 else 0.0)
    return book


@pytest.mark.parametrize(
    ("legs", "outright", "matched"),
    [
        pytest.param([(30.0, 1), (-10.0, 2)], 2000, 1000, id="across expiries"),
        pytest.param([(30.0, 1), (-10.0, 1)], 2000, 0, id="within an expiry there is no spread"),
        pytest.param([(30.0, None), (-10.0, None)], 2000, 0, id="perpetuals are one expiry"),
        pytest.param([(10.0, 1), (-10.0, 2)], 0, 1000, id="only a spread"),
        # By expiry: +5, -20, +3 (the perpetual): L = 8, H = 20.
        pytest.param([(10.0, 1), (-5.0, 1), (-20.0, 2), (3.0, None)], 1200, 800, id="three expiries"),
        pytest.param([(-10.0, 2), (4.0, 1), (10.0, 2)], 400, 0, id="an expiry that nets to nothing"),
    ],
)
def test_netting_by_underlying(legs: list[tuple[float, int | None]], outright: float, matched: float) -> None:
    tiers = piecewise([(0.0, 0.01), (1000.0, 0.05)])
    figures = netted(0.003, *legs).run()["base"]
    assert figures["maintenance_margin"] == pytest.approx(tiers(outright) + 0.003 * matched)
    assert figures["initial_margin"] == pytest.approx(2 * tiers(outright) + 0.006 * matched)


def test_the_matched_part_follows_the_marks() -> None:
    found = netted(0.003, (30.0, 1), (-10.0, 2)).run(down={"mark": {"F0": 50.0, "F1": 150.0}})
    # L = 1500, H = 1500: only a spread is left.
    assert found["down"]["maintenance_margin"] == pytest.approx(4.5)


def test_leverage_of_a_net_is_the_smallest_and_counts_for_the_net() -> None:
    # |L - H| / 4 = 500 against 120.
    assert netted(0.0, (30.0, 1), (-10.0, 2), leverage=4.0).run()["base"]["initial_margin"] == pytest.approx(500)


def test_leverage_is_a_floor_under_the_whole_requirement_of_a_net() -> None:
    # Tiers ask 120 and the spread 60: 180. Leverage asks for 2000 / 10 = 200 at least, not for 200 + 60.
    assert netted(0.03, (30.0, 1), (-10.0, 2), leverage=10.0).run()["base"]["initial_margin"] == pytest.approx(200)


def test_spot_is_netted_only_with_a_schedule() -> None:
    margin: Row = {"margin_schedules": {"tiered": {"tiers": STEPS}}, "models": {"default": {"net_by": "underlying"}}}
    instruments: dict[str, Row] = {
        "A": {**PERPETUAL, "margin_schedule": None},
        "B": {"kind": "spot", "underlying": "BTC", "mark_price": 100.0},
        "C": {"kind": "spot", "underlying": "BTC", "mark_price": 100.0, "margin_schedule": "tiered"},
    }
    book = KernelCase({"BTC": {"price": 100.0, "margin_schedule": "tiered"}}, instruments, margin)
    book.hold("A", 5.0).hold("B", -5.0).hold("C", -2.0)
    assert book.run()["base"]["maintenance_margin"] == pytest.approx(0.01 * 300)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ what a program costs


def counts(book: KernelCase, *prices: float) -> dict[str, int]:
    return counts_at(book, **{f"at_{number}": spot(price) for number, price in enumerate(prices)})


def counts_at(book: KernelCase, **scenarios: Row) -> dict[str, int]:
    last = book.program(**scenarios).first[-1]
    return {"needs": int(last[NEEDS]), "steps": int(last[STEPS_AT]), "values": int(last[VALUES])}


def test_tiers_that_no_scenario_reaches_cost_nothing() -> None:
    assert counts(case({"tiers": STEPS}, 9.0), 50.0, 110.0) == {"needs": 0, "steps": 0, "values": 1}


def test_tiers_that_all_scenarios_have_passed_cost_nothing() -> None:
    assert counts(case({"tiers": STEPS}, 50.0), 50.0, 110.0) == {"needs": 0, "steps": 0, "values": 1}


def test_a_tier_that_some_reach_is_one_step() -> None:
    assert counts(case({"tiers": STEPS}, 10.0), 50.0, 110.0) == {"needs": 0, "steps": 1, "values": 1}


def test_a_need_that_follows_another_row_than_its_value_has_an_entry_of_its_own() -> None:
    # A short option: worth its price, charged on its underlying.
    schedule: Row = {"tiers": STEPS, "short_option": {"maintenance": {"rate": 0.1, "minimum": 0.05}, "initial": {"rate": 0.15, "minimum": 0.1}}}
    instruments: dict[str, Row] = {
        "C": {"kind": "option", "underlying": "BTC", "mark_price": 5.0, "strike": 100.0, "option_type": "call", "margin_schedule": "tiered"}
    }
    book = KernelCase({"BTC": {"price": 100.0, "margin_schedule": "tiered"}}, instruments, {"margin_schedules": {"tiered": schedule}})
    book.hold("C", -2.0)
    found = counts_at(book, down={"spot": {"BTC": 90.0}, "mark": {"C": 2.0}})
    assert found == {"needs": 2, "steps": 0, "values": 1}


def test_what_does_not_move_is_a_constant() -> None:
    assert counts(case({"tiers": STEPS}, 10.0)) == {"needs": 0, "steps": 0, "values": 0}


def test_a_pool_of_many_tokens_and_weights_has_room() -> None:
    # The longest program a position can give: its own settle token and P&L weight, its own margin rate, steps in between.
    assets = {"BTC": {"price": 100.0}, **{f"T{k:02d}": {"price": 1.0} for k in range(40)}}
    schedules = {f"s{k:02d}": {"tiers": STEPS} for k in range(40)}
    instruments = {f"X{k:02d}": {**PERPETUAL, "settle": f"T{k:02d}", "payoff": "quanto", "margin_schedule": f"s{k:02d}"} for k in range(40)}
    book = KernelCase(assets, instruments, {"margin_schedules": schedules, "models": {"default": {"positive_pnl_weight": 0.5}}})
    for name in instruments:
        book.hold(name, 8.0)
    moved: dict[str, Any] = {
        "spot": {f"T{k:02d}": 1.5 for k in range(40)},
        "mark": dict.fromkeys(instruments, 150.0),
        "margin_rate": {name: 1.0 + k / 100 for k, name in enumerate(schedules)},
    }
    program = book.program(moved=moved)
    assert program.first[-1, INSTRUCTIONS] <= len(program.codes)
    found = book.run(moved=moved)
    # n = 8 * 150 * 1.5 = 1800 each: 10 + 40 at rate one; the rates are 1.00 to 1.39.
    assert found["moved"]["maintenance_margin"] == pytest.approx(50 * sum(1.0 + k / 100 for k in range(40)))
    assert found["moved"]["margin_balance"] == pytest.approx(40 * 0.5 * 400 * 1.5)


# ------------------------------------------------------------------ against the definition


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Row, float]:
    edges = [0.0, *sorted(draw(st.sets(st.integers(1, 60), max_size=4)))]
    convention = draw(st.sampled_from(["marginal", "whole", "deduction"]))
    tiers = []
    for edge in edges:
        tier: Row = {"from": edge * 50, "maintenance_rate": draw(st.integers(0, 20)) / 100, "initial_rate": draw(st.integers(0, 40)) / 100}
        if convention == "deduction":
            tier |= {"maintenance_deduction": draw(st.integers(0, 100)), "initial_deduction": draw(st.integers(0, 100))}
        tiers.append(tier)
    return {"convention": convention, "tiers": tiers}, draw(st.sampled_from([0.0, 0.0, 1.0, 3.0, 5.0, 10.0, 50.0]))


def by_definition(schedule: Row, leverage: float, level: str, n: float) -> float:
    tiers, rate = schedule["tiers"], f"{level}_rate"
    if schedule["convention"] == "marginal":
        charged = piecewise([(tier["from"], tier[rate]) for tier in tiers])(n)
    else:
        holding = [tier for tier in tiers if tier["from"] <= n][-1]
        charged = max(0.0, holding[rate] * n - holding.get(f"{level}_deduction", 0.0))
    return max(charged, n / leverage) if level == "initial" and leverage else charged


@settings(max_examples=40, deadline=None)
@given(schedules(), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_folded_requirements_are_their_definition(drawn: tuple[Row, float], prices: list[int]) -> None:
    schedule, leverage = drawn
    # Prices in steps of 5 and thresholds in steps of 50: many values are exactly on an edge.
    found = needs(case(schedule, 10.0, leverage=leverage), *(5.0 * price for price in prices))
    for (maintenance, initial), price in zip(found, [100.0, *(5.0 * price for price in prices)], strict=True):
        assert maintenance == pytest.approx(by_definition(schedule, leverage, "maintenance", 10.0 * price), rel=1e-12, abs=1e-9)
        assert initial == pytest.approx(by_definition(schedule, leverage, "initial", 10.0 * price), rel=1e-12, abs=1e-9)
