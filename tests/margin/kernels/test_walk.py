"""Margin balances: haircut bands, borrows, P&L into settle tokens, weights and caps, options, by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from margin.explain_case import PERPETUAL, SCHEDULES, Row
from margin.kernels.kernel_case import KernelCase, spot

BANDS = [{"from": 0, "haircut": 0.10, "initial_haircut": 0.20}, {"from": 1000, "haircut": 0.50}]
UNITS = [{"from": 0, "haircut": 0.10, "initial_haircut": 0.20}, {"from": 5, "haircut": 0.50}]


def collateral(schedule: Row, amount: float, asset: Row | None = None) -> KernelCase:
    """A balance of COIN at 100 under the schedule `coin`; a perpetual that nobody holds."""
    margin: Row = {**SCHEDULES, "collateral_schedules": {"coin": schedule}}
    assets: dict[str, Row] = {
        "BTC": {"price": 100.0, "collateral_schedule": None},
        "COIN": {"price": 100.0, "collateral_schedule": "coin", **(asset or {})},
        "EUR": {"price": 1.25, "collateral_schedule": None},
    }
    book = KernelCase(assets, {"X": PERPETUAL}, margin)
    book.deposit("COIN", amount)
    return book


def balances(book: KernelCase, **scenarios: Row) -> list[tuple[float, float]]:
    """(margin balance, initial margin balance) at base and in each scenario."""
    return [(figures["margin_balance"], figures["margin_balance_initial"]) for figures in book.run(**scenarios).values()]


def moved(price: float) -> Row:
    return {"spot": {"COIN": price}}


def approximately(*pairs: tuple[float, float]) -> list[object]:
    return [pytest.approx(pair, abs=1e-12) for pair in pairs]


# ------------------------------------------------------------------ haircuts


def test_bands_by_value() -> None:
    # v = 800 at base; then 1000 (the edge), 1600 and 400.
    found = balances(collateral({"bands": BANDS}, 8.0), edge=moved(125.0), up=moved(200.0), down=moved(50.0))
    assert found == approximately((720, 640), (900, 800), (900 + 300, 800 + 300), (360, 320))


def test_bands_by_value_with_shocked_haircut_and_ratio() -> None:
    found = balances(
        collateral({"bands": BANDS}, 8.0),
        shifted={**moved(200.0), "haircut": {"COIN": 0.2}},
        scaled={**moved(200.0), "haircut_scale": {"COIN": 1.5}},
        gone={"haircut": {"COIN": 0.95}},
        depegged={**moved(200.0), "ratio": {"COIN": 0.5}},
        worthless={"ratio": {"COIN": 0.0}},
    )
    # 1000 and 600 inside the bands; the ratio leaves 800, all in the first.
    assert found == approximately(
        (720, 640), (0.7 * 1000 + 0.3 * 600, 0.6 * 1000 + 0.3 * 600), (0.85 * 1000 + 0.25 * 600, 0.7 * 1000 + 0.25 * 600), (0, 0), (720, 640), (0, 0)
    )  # fmt: skip


def test_bands_by_quantity_follow_the_price() -> None:
    # 5 units in the first band and 3 in the second, at any price.
    found = balances(collateral({"basis": "quantity", "bands": UNITS}, 8.0), up=moved(200.0), down=moved(1.0))
    assert found == approximately((600, 550), (1200, 1100), (6, 5.5))


def test_bands_by_quantity_with_shocked_haircut_and_ratio() -> None:
    found = balances(
        collateral({"basis": "quantity", "bands": UNITS}, 8.0),
        shifted={"haircut": {"COIN": 0.2}},
        scaled={"haircut_scale": {"COIN": 2.0}},
        depegged={"ratio": {"COIN": 0.5}},
        worthless={"ratio": {"COIN": 0.0}},
        all_of_it={**moved(50.0), "ratio": {"COIN": 0.5}, "haircut": {"COIN": 0.2}},
    )
    assert found == approximately(
        (600, 550), (100 * (5 * 0.7 + 3 * 0.3), 100 * (5 * 0.6 + 3 * 0.3)), (100 * 5 * 0.8, 100 * 5 * 0.6), (300, 275), (0, 0),
        (25 * (5 * 0.7 + 3 * 0.3), 25 * (5 * 0.6 + 3 * 0.3)),
    )  # fmt: skip


def test_bands_in_a_currency_that_moves() -> None:
    # 1000 EUR are 1250 USD, then 1000 USD: v = 2000.
    found = balances(collateral({"currency": "EUR", "bands": BANDS}, 20.0), parity={"spot": {"EUR": 1.0}})
    assert found == approximately((0.9 * 1250 + 0.5 * 750, 0.8 * 1250 + 0.5 * 750), (900 + 500, 800 + 500))


def test_nothing_above_the_last_band() -> None:
    found = balances(collateral({"bands": [{"from": 0, "haircut": 0.0}, {"from": 500, "haircut": 1.0}]}, 8.0), up=moved(1e6))
    assert found == approximately((500, 500), (500, 500))


def test_a_borrow_weighs_more() -> None:
    book = collateral({"bands": BANDS, "liability_weight": {"maintenance": 1.1, "initial": 1.2}}, -8.0)
    found = balances(book, up=moved(200.0), shocked={"haircut": {"COIN": 0.5}, "ratio": {"COIN": 0.5}})
    assert found == approximately((-880, -960), (-1760, -1920), (-880, -960))


def test_rows_of_a_token_net_before_the_haircut() -> None:
    book = collateral({"bands": BANDS, "liability_weight": 1.1}, 8.0)
    book.deposit("COIN", -3.0, "bank")
    assert balances(book) == approximately((450, 400))


def test_a_lost_location_counts_for_deposits_only_and_before_netting() -> None:
    book = collateral({"bands": BANDS, "liability_weight": 1.1}, 8.0)
    book.deposit("COIN", 4.0, "bridge").deposit("COIN", -3.0, "bridge")
    lost = {"holding": {("COIN", "bridge"): 0.0}}
    half = {"holding": {("COIN", "bridge"): 0.5, ("COIN", None): 0.5}}
    found = book.run(lost=lost, half=half)
    # 9 units, then 8 - 3, then 4 + 2 - 3.
    assert [figures["margin_balance"] for figures in found.values()] == [pytest.approx(value) for value in (810, 450, 270)]
    assert [figures["equity"] for figures in found.values()] == [pytest.approx(value) for value in (900, 500, 300)]
    assert found["lost"]["collateral_pnl"] == pytest.approx(-400)


# ------------------------------------------------------------------ assets that may be negative


def negative(schedule: Row, amount: float) -> KernelCase:
    return collateral(schedule, amount, {"price": 60.0, "may_be_negative": True})


@pytest.mark.parametrize("amount", [10.0, -10.0])
@pytest.mark.parametrize(
    ("schedule", "keep", "weight"),
    [
        pytest.param({"bands": [{"from": 0, "haircut": 0.25}], "liability_weight": 1.2}, 0.75, 1.2, id="with a haircut"),
        pytest.param({"bands": [{"from": 0, "haircut": 0.0}]}, 1.0, 1.0, id="in full"),
    ],
)
def test_an_asset_below_zero_turns_deposits_into_debts(schedule: Row, amount: float, keep: float, weight: float) -> None:
    found = negative(schedule, amount).run(below=moved(-37.0))
    for price, figures in zip((60.0, -37.0), found.values(), strict=True):
        value = amount * price
        assert figures["margin_balance"] == pytest.approx(keep * value if value > 0 else weight * value)
        assert figures["collateral_value"] == pytest.approx(value)
        assert figures["equity"] == pytest.approx(value)


def test_bands_by_quantity_of_an_asset_below_zero() -> None:
    # 10 units owed at -37 are worth 370, 5 of them in the first band; 10 units held are a debt and earn nothing back.
    schedule = {"basis": "quantity", "bands": UNITS, "liability_weight": 1.2}
    assert balances(negative(schedule, -10.0), below=moved(-37.0))[1] == pytest.approx((37 * (5 * 0.9 + 5 * 0.5), 37 * (5 * 0.8 + 5 * 0.5)))
    assert balances(negative(schedule, 10.0), below=moved(-37.0))[1] == pytest.approx((-444, -444))
    shocked = {**moved(-37.0), "haircut": {"COIN": 0.1}, "ratio": {"COIN": 0.5}}
    assert balances(negative(schedule, -10.0), below=shocked)[1] == pytest.approx((18.5 * (5 * 0.8 + 5 * 0.4), 18.5 * (5 * 0.7 + 5 * 0.4)))


@pytest.mark.parametrize(
    "schedule", [{"bands": [{"from": 0, "haircut": 0.25}]}, {"bands": [{"from": 0, "haircut": 0.0}]}], ids=["haircut", "in full"]
)
def test_collateral_below_zero_covers_no_stress_loss(schedule: Row) -> None:
    # 10 COIN at 60 and 150 USD; 30 X at 100 need 300 initial margin. K counts what is positive: it falls to 150 dollars.
    book = negative(schedule, 10.0)
    book.deposit("USD", 150.0).hold("X", 30.0)
    keep = 1.0 - float(schedule["bands"][0]["haircut"])
    found = book.run(below={**moved(-37.0), "mark": {"X": 80.0}})
    share = 150.0 / (keep * 600.0 + 150.0)
    assert found["below"]["stress_loss_over_margin"] == pytest.approx(600.0 - share * 300.0)


@pytest.mark.parametrize("basis", ["value", "quantity"])
def test_an_asset_worth_nothing_is_worth_nothing(basis: str) -> None:
    found = negative({"basis": basis, "bands": UNITS, "liability_weight": 1.2}, 10.0).run(
        zero=moved(0.0), shocked={**moved(0.0), "haircut": {"COIN": 0.1}, "ratio": {"COIN": 0.5}}
    )
    for scenario in ("zero", "shocked"):
        assert found[scenario]["margin_balance"] == 0.0
        assert found[scenario]["margin_balance_initial"] == 0.0


# ------------------------------------------------------------------ P&L


def settled(token: Row, quantity: float = 10.0, deposit: float = 50.0, model: Row | None = None) -> KernelCase:
    """10 X entered at the mark of 100, paid in COIN at 1 under the schedule `coin`."""
    margin: Row = {
        **SCHEDULES,
        "collateral_schedules": {"par": SCHEDULES["collateral_schedules"]["par"], "coin": token},
        "models": {"default": model or {}},
    }
    book = KernelCase({"BTC": {"price": 100.0}, "COIN": {"price": 1.0, "collateral_schedule": "coin"}}, {"X": {**PERPETUAL, "quote": "COIN"}}, margin)
    book.hold("X", quantity)
    if deposit:
        book.deposit("COIN", deposit)
    return book


FULL: Row = {"bands": [{"from": 0, "haircut": 0.0}]}
CUT: Row = {
    "bands": [{"from": 0, "haircut": 0.04, "initial_haircut": 0.10}, {"from": 100, "haircut": 0.5}],
    "liability_weight": {"maintenance": 1.1, "initial": 1.2},
}


def test_profit_joins_a_settle_token_that_counts_in_full() -> None:
    assert balances(settled(FULL), up=spot(110.0), down=spot(80.0)) == approximately((50, 50), (150, 150), (-150, -150))


def test_profit_takes_the_haircut_of_its_settle_token() -> None:
    # The net balance: 50, 150, 50 - 200.
    found = balances(settled(CUT), up=spot(110.0), down=spot(80.0))
    assert found == approximately((48, 45), (96 + 25, 90 + 25), (-165, -180))


def test_profit_covers_a_borrow_of_its_settle_token() -> None:
    assert balances(settled(CUT, deposit=-50.0), up=spot(110.0)) == approximately((-55, -60), (48, 45))


def test_profit_alone_makes_a_balance() -> None:
    found = settled(CUT, deposit=0.0).run(up=spot(110.0))
    assert found["up"]["margin_balance"] == pytest.approx(96)
    assert found["up"]["collateral_value"] == 0.0
    assert found["up"]["equity"] == pytest.approx(100)


def test_profit_into_value_takes_no_haircut() -> None:
    found = balances(settled(CUT, model={"pnl_into": "value"}), up=spot(110.0), down=spot(80.0))
    assert found == approximately((48, 45), (148, 145), (-152, -155))


def test_a_shocked_haircut_reaches_a_token_that_counts_in_full() -> None:
    found = balances(settled(FULL), up={**spot(110.0), "haircut": {"COIN": 0.1}}, depegged={**spot(110.0), "ratio": {"COIN": 0.8}}, still=spot(110.0))
    assert found == approximately((50, 50), (135, 135), (120, 120), (150, 150))


WEIGHTS: Row = {"positive_pnl_weight": {"maintenance": 0.8, "initial": 0.5}}
CAPS: Row = {**WEIGHTS, "positive_pnl_cap": {"maintenance": 60, "initial": 20}}


@pytest.mark.parametrize(
    ("token", "model", "up", "down"),
    [
        pytest.param(FULL, WEIGHTS, (50 + 80, 50 + 50), (-150, -150), id="weights"),
        pytest.param(FULL, CAPS, (50 + 60, 50 + 20), (-150, -150), id="caps"),
        pytest.param(CUT, WEIGHTS, (96 + 15, 90), (-165, -180), id="weights, then the haircut on 130 and 100"),
        pytest.param(CUT, CAPS, (96 + 5, 63), (-165, -180), id="caps, then the haircut on 110 and 70"),
        pytest.param(CUT, {**CAPS, "pnl_into": "value"}, (48 + 60, 45 + 20), (48 - 200, 45 - 200), id="into value"),
    ],
)
def test_weighted_profit(token: Row, model: Row, up: tuple[float, float], down: tuple[float, float]) -> None:
    book = settled(token, model=model)
    assert balances(book, up=spot(110.0), down=spot(80.0))[1:] == approximately(up, down)
    found = book.run(up=spot(110.0), down=spot(80.0))
    assert [figures["equity"] for figures in found.values()] == [pytest.approx(value) for value in (50, 150, -150)]


def test_profit_is_weighed_per_instrument_before_it_nets() -> None:
    margin: Row = {**SCHEDULES, "models": {"default": {"positive_pnl_weight": 0.5}}}
    book = KernelCase({"BTC": {"price": 100.0}}, {"X": PERPETUAL, "Y": PERPETUAL}, margin)
    book.hold("X", 10.0).hold("Y", -10.0)
    assert balances(book, up={"mark": {"X": 120.0, "Y": 110.0}}) == approximately((0, 0), (100 - 100, 0))


def test_funding_is_profit_in_the_settle_token() -> None:
    book = settled(CUT, quantity=0.0)
    book.hold("X", 10.0, funding=30.0)
    found = book.run(token={"spot": {"COIN": 2.0}})
    # 50 + 30 tokens, at 1 and at 2 (its haircut beyond 100 is a half).
    assert [figures["margin_balance"] for figures in found.values()] == [pytest.approx(value) for value in (76.8, 96 + 30)]
    assert [figures["position_pnl"] for figures in found.values()] == [pytest.approx(value) for value in (0, 30)]


@pytest.mark.parametrize(
    "terms", [{"kind": "spot"}, {"kind": "option", "strike": 90.0, "option_type": "call", "expiry": datetime(2027, 1, 1, tzinfo=UTC)}]
)
def test_funding_belongs_to_profit_and_loss_only(terms: Row) -> None:
    # Section 3: the value of spot positions and paid options has no funding in it.
    book = KernelCase({"BTC": {"price": 100.0}}, {"X": {**PERPETUAL, **terms}})
    book.hold("X", 2.0, funding=30.0)
    assert book.run()["base"]["equity"] == pytest.approx(200)


def test_inverse_and_quanto_profit() -> None:
    instruments = {
        "I": {**PERPETUAL, "payoff": "inverse", "settle": "BTC", "contract_size": 100.0},
        "Q": {**PERPETUAL, "payoff": "quanto", "settle": "EUR"},
    }
    book = KernelCase({"BTC": {"price": 100.0}, "EUR": {"price": 1.25}}, instruments)
    book.hold("I", 3.0).hold("Q", 4.0)
    found = book.run(up={"spot": {"BTC": 125.0}, "mark": {"I": 125.0, "Q": 125.0}})
    # 300 * (1/100 - 1/125) BTC = 0.6 BTC at 125, and 4 * 25 EUR at 1.25.
    assert found["up"]["position_pnl"] == pytest.approx(75 + 125)
    # 5 % of 300 dollars, and of 4 * 125 EUR.
    assert found["up"]["maintenance_margin"] == pytest.approx(0.05 * (300 + 625))


@pytest.mark.parametrize("order", [("USD", "COIN", "DUST"), ("DUST", "USD", "COIN"), ("COIN", "DUST", "USD")])
def test_profits_join_several_tokens_of_one_pool(order: tuple[str, str, str]) -> None:
    # 10 long from 100 to 130 in each token: +300 in full, behind bands (1000 + 300 of COIN), and against a debt (-500 + 300 of DUST).
    margin: Row = {
        **SCHEDULES,
        "collateral_schedules": {"coin": {"bands": BANDS}, "dust": {"bands": [{"from": 0, "haircut": 0.3}], "liability_weight": 1.1}},
    }
    assets: dict[str, Row] = {
        "BTC": {"price": 100.0, "collateral_schedule": None},
        "COIN": {"price": 1.0, "collateral_schedule": "coin"},
        "DUST": {"price": 1.0, "collateral_schedule": "dust"},
    }
    instruments: dict[str, Row] = {f"X{n}": {**PERPETUAL, "settle": token, "payoff": "quanto"} for n, token in enumerate(order)}
    book = KernelCase(assets, instruments, margin)
    for name in instruments:
        book.hold(name, 10.0)
    book.deposit("COIN", 1000.0).deposit("DUST", -500.0)
    found = balances(book, up={"mark": dict.fromkeys(instruments, 130.0)}, down={"mark": dict.fromkeys(instruments, 70.0)})
    assert found == approximately(
        (900 - 550, 800 - 550),
        (300 + (900 + 0.5 * 300) - 1.1 * 200, 300 + (800 + 0.5 * 300) - 1.1 * 200),
        (-300 + 0.9 * 700 - 1.1 * 800, -300 + 0.8 * 700 - 1.1 * 800),
    )


# ------------------------------------------------------------------ spot positions and options


def test_a_spot_position_joins_the_balance_of_its_underlying() -> None:
    margin: Row = {**SCHEDULES, "collateral_schedules": {"par": FULL, "coin": {"bands": BANDS, "liability_weight": 1.1}}}
    book = KernelCase(
        {"BTC": {"price": 100.0, "collateral_schedule": "coin"}}, {"S": {"kind": "spot", "underlying": "BTC", "mark_price": 100.0}}, margin
    )
    book.hold("S", -5.0).deposit("BTC", 8.0)
    found = book.run(up=spot(200.0, instrument="S"), lost={"spot": {"BTC": 100.0}, "holding": {("BTC", None): 0.25}})
    # 3 BTC are left: 300, 600; of 2 BTC recovered 3 are missing.
    assert [figures["margin_balance"] for figures in found.values()] == [pytest.approx(value) for value in (270, 540, -330)]
    assert [figures["maintenance_margin"] for figures in found.values()] == [0.0, 0.0, 0.0]


OPTION: Row = {
    "kind": "option",
    "underlying": "BTC",
    "mark_price": 5.0,
    "strike": 110.0,
    "option_type": "call",
    "margin_schedule": "flat",
    "expiry": datetime(2027, 1, 1, tzinfo=UTC),
}


def options(quantity: float, terms: Row | None = None, model: Row | None = None, schedule: Row | None = None) -> KernelCase:
    margin: Row = {
        **SCHEDULES, "margin_schedules": {"flat": {**SCHEDULES["margin_schedules"]["flat"], **(schedule or {})}}, "models": {"default": model or {}},
    }  # fmt: skip
    book = KernelCase({"BTC": {"price": 100.0}}, {"X": {**OPTION, **(terms or {})}}, margin)
    book.hold("X", quantity).deposit("USD", 100.0)
    return book


def test_a_long_paid_option_counts_at_its_credit_and_needs_nothing() -> None:
    found = options(10.0, model={"long_option_credit": {"maintenance": 0.8, "initial": 0.5}}).run(up={"mark": {"X": 9.0}})
    assert [figures["equity"] for figures in found.values()] == [pytest.approx(value) for value in (150, 190)]
    assert [figures["margin_balance"] for figures in found.values()] == [pytest.approx(value) for value in (140, 172)]
    assert [figures["margin_balance_initial"] for figures in found.values()] == [pytest.approx(value) for value in (125, 145)]
    assert found["up"]["maintenance_margin"] == 0.0


def test_a_long_paid_option_counts_nothing_by_default() -> None:
    assert balances(options(10.0), up={"mark": {"X": 9.0}}) == approximately((100, 100), (100, 100))


def test_a_short_paid_option_counts_in_full_and_needs_margin() -> None:
    found = options(-10.0).run(up={"mark": {"X": 9.0}, "spot": {"BTC": 104.0}})
    assert [figures["margin_balance"] for figures in found.values()] == [pytest.approx(value) for value in (50, 10)]
    # By the tiers, on the price of the underlying.
    assert [figures["maintenance_margin"] for figures in found.values()] == [pytest.approx(value) for value in (50, 52)]


def test_a_short_option_by_its_rule() -> None:
    rule = {"short_option": {"maintenance": {"rate": 0.10, "minimum": 0.05}, "initial": {"rate": 0.15, "minimum": 0.10}}}
    found = options(-10.0, schedule=rule).run(up={"spot": {"BTC": 108.0}})
    # max(10 - 10, 5), max(15 - 10, 10); at 108: max(10.8 - 2, 5.4), max(16.2 - 2, 10.8).
    assert [(figures["maintenance_margin"], figures["initial_margin"]) for figures in found.values()] == approximately((50, 100), (88, 142))


@pytest.mark.parametrize("credit", [0.0, 0.8, 1.0])
def test_a_long_margined_option_is_worth_a_paid_one(credit: float) -> None:
    # Balance less requirement is the same: the premium is a debt of the one and was paid by the other.
    model = {"long_option_credit": credit}
    margined = options(10.0, {"premium_style": "margined"}, model).run(up={"mark": {"X": 9.0}})
    paid = options(10.0, {}, model).run(up={"mark": {"X": 9.0}})
    for scenario in ("base", "up"):
        assert margined[scenario]["margin_balance"] - margined[scenario]["maintenance_margin"] == pytest.approx(
            paid[scenario]["margin_balance"] - 50.0
        )


def test_a_net_of_zero_keeps_its_profit_and_needs_nothing() -> None:
    book = KernelCase({"BTC": {"price": 100.0}}, {"X": PERPETUAL})
    book.hold("X", 0.0)
    # Bought at 90, sold at 100: cost -10 a contract, five of them.
    book.positions[0]["cost"] = -50.0
    found = book.run(up=spot(110.0))["up"]
    assert (found["margin_balance"], found["maintenance_margin"], found["position_pnl"]) == (50.0, 0.0, 0.0)


def test_a_pool_without_holdings() -> None:
    figures = KernelCase({"BTC": {"price": 100.0}}, {"X": PERPETUAL}).run(up=spot(110.0))["up"]
    assert figures.pop("status") == "ok"
    assert set(figures.values()) == {0.0}
