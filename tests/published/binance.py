"""Perpetuals with tiers of rate and deduction: cases of Binance's rules, and of Gate's and OKX's, as three projects test them."""

from __future__ import annotations

from published.case_book import PUBLISHED, CaseBook, Check, Differs, Outcome, Row, Runs, figure, flat, liquidated, net


def binance(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `binance_style_perps`."""
    inputs = case["inputs"]
    return {
        "liquidation_price": _liquidation_price,
        "tier_lookup": _tier_lookup,
        "account_risk": _account_risk,
        "tiered_mm": _tiered_margin,
        "cross_equity_liquidation": _cross_liquidation,
    }[inputs["kind"]](case, file, book)


def _deductions(tiers: list[tuple[float, float, float]]) -> Row:
    return {
        "convention": "deduction",
        "tiers": [
            {"from": floor, "maintenance_rate": rate, "initial_rate": rate, "maintenance_deduction": less, "initial_deduction": less}
            for floor, rate, less in tiers
        ],
    }


def _nothing_left(account: str, quantity: float, price: float, tolerance: Row, pool: str | None = None) -> Check:
    """At its liquidation price an account has its maintenance margin and no more, within the price's tolerance on the position."""
    within = abs(quantity) * max(tolerance.get("abs", 0.0), tolerance.get("rel", 0.0) * price)
    return Check("net maintenance margin at the liquidation price", net("maintenance"), 0.0, account, PUBLISHED, pool, abs=within)


def _liquidation_price(case: Row, file: Row, book: CaseBook) -> Outcome:
    name, price = case["id"], case["expected"]["liquidation_price"]
    (position,) = case["inputs"]["positions"]
    # A venue that closes positions at a fee asks for the fee on top of the maintenance rate.
    rate = position["mm_rate"] + position.get("closing_fee_rate", 0.0)
    rules = _deductions([(0.0, rate, position["mm_deduction"])])
    perpetual = book.perpetual(name, position["mark_price"], rules, published=price)
    book.account(name)
    book.position(name, perpetual, position["qty"], position["entry_price"], isolated_margin=case["inputs"]["wallet"])
    return Runs((_nothing_left(name, position["qty"], price, case["tolerance"], perpetual),))


def _tier_lookup(case: Row, file: Row, book: CaseBook) -> Outcome:
    name, inputs, expected = case["id"], case["inputs"], case["expected"]
    tiers, notional = file["tier_tables"][inputs["tier_table"]], inputs["notional"]
    whole = len(tiers[0]) == 2
    rules = (
        {"convention": "whole", "tiers": [{"from": floor, "maintenance_rate": rate, "initial_rate": rate} for floor, rate in tiers]}
        if whole
        else _deductions([tuple(tier) for tier in tiers])
    )
    perpetual = book.perpetual(name, 1.0, rules)
    # Deductions make the margin continuous at a floor, so a second account a little above tells which rate holds there.
    step = 0.05
    above = book.account(f"{name}:above")
    book.account(name)
    book.position(name, perpetual, notional)
    book.position(above, perpetual, notional + step)
    margin = expected["mm_rate"] * notional - expected.get("mm_deduction", 0.0)
    return Runs((
        Check("maintenance margin", figure("maintenance_margin"), margin, name, rel=1e-15),
        Check(
            "maintenance margin a little above", figure("maintenance_margin"), margin + expected["mm_rate"] * step, above, rel=1e-15,
            abs=1e-6 * expected["mm_rate"] * step,
        ),
    ))  # fmt: skip


def _floors(tiers: list[Row]) -> Row:
    floors = [0.0, *(tier["notional_cap"] for tier in tiers[:-1])]
    return _deductions([(floor, tier["mm_rate"], tier["mm_deduction"]) for floor, tier in zip(floors, tiers, strict=True)])


def _account_risk(case: Row, file: Row, book: CaseBook) -> Outcome:
    name, inputs, expected, rel = case["id"], case["inputs"], case["expected"], case["tolerance"]["rel"]
    if name == "vt-cross-above":
        return Differs("it is 5e-13 above its margin; where equality is a breach, the last cent counts as equal")
    posted = sum(position.get("isolated_margin", 0.0) for position in inputs["positions"])
    book.account(name, {"breach_at_equality": True}, USD=inputs["wallet"] - posted)
    rules = _floors(inputs["tiers"])
    checks, pools = [], []
    for number, position in enumerate(inputs["positions"]):
        perpetual = book.perpetual(f"{name}.{position['market']}", position["mark_price"], rules)
        book.position(
            name, perpetual, position["qty"], position["entry_price"], isolated_margin=position["isolated_margin"], leverage=position["leverage"]
        )
        pools.append(perpetual)
        checks.append(Check(f"{position['market']} liquidated", liquidated, position["market"] in expected["liquidated"], name, pool=perpetual))
        for key, column in (("initial_margin", "initial_margin"), ("margin_balance", "margin_balance"), ("maintenance", "maintenance_margin")):
            if f"position_{key}" in expected:
                checks.append(Check(column, figure(column), expected[f"position_{key}"][number], name, pool=perpetual, rel=rel))
    for key, read in (
        ("margin_balance", figure("margin_balance")),
        ("initial_margin", figure("initial_margin")),
        ("maintenance_margin", figure("maintenance_margin")),
        ("available_balance", net("initial")),
        ("liquidatable", liquidated),
    ):
        if key in expected:
            checks.append(Check(key, read, expected[key], name, rel=rel))
    return Runs(tuple(checks), "the cross pool holds the wallet less what is posted to positions" if pools else "")


def _tiered_margin(case: Row, file: Row, book: CaseBook) -> Outcome:
    name = case["id"]
    book.account(name)
    book.position(name, book.perpetual(name, 1.0, _floors(case["inputs"]["tiers"])), case["inputs"]["notional"])
    return Runs((
        Check("maintenance margin", figure("maintenance_margin"), case["expected"]["maintenance_margin"], name, rel=case["tolerance"]["rel"]),
    ))  # fmt: skip


def _cross_liquidation(case: Row, file: Row, book: CaseBook) -> Outcome:
    name, inputs, price = case["id"], case["inputs"], case["expected"]["liquidation_price"]
    book.account(name, USD=inputs["equity"])
    moved = book.perpetual(name, inputs["mark_price"], flat(inputs["mm_rate"]), published=price)
    other = book.perpetual(f"{name}.other", 1.0, {"amount_per_contract": inputs["other_maintenance"]})
    book.position(name, moved, inputs["qty"])
    book.position(name, other, 1.0)
    return Runs((_nothing_left(name, inputs["qty"], price, case["tolerance"]),), "the second position needs an amount per contract")
