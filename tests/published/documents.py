"""Worked examples of venues' documentation, Synthetix's price stress, and SPAN figures."""

from __future__ import annotations

from itertools import pairwise

from published.case_book import PUBLISHED, CaseBook, Check, Found, Outcome, Row, Runs, Waits, after, figure, flat, haircuts


def exchange(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `exchange_docs`."""
    waits = {
        "collateral_to_cover": Waits("liquidation cascade: conversion of collateral grossed up by its haircut"),
        "delta_floor": Waits("portfolio margin: a floor by delta"),
    }
    kind = case["inputs"]["kind"]
    if kind in waits:
        return waits[kind]
    if case["id"] == "doc-hypercall-spread":
        return Waits("portfolio margin: a floor on the net of short and long options")
    return {
        "tiered_collateral": _collateral,
        "flat_collateral": _collateral,
        "marginal_tiers": _tiers,
        "margin_level": _level,
        "short_option_floor": _floor,
    }[kind](case, book)


def _bands(held: Row) -> Row:
    if "tiers" not in held:
        return haircuts(held["haircut"])
    bands = [{"from": low, "haircut": 1.0 - rate} for low, _, rate in held["tiers"]]
    end = held["tiers"][-1][1]
    beyond = [] if end is None else [{"from": end, "haircut": 1.0}]
    return {"basis": held["tier_basis"], "bands": [*bands, *beyond]}


def _collateral(case: Row, book: CaseBook) -> Outcome:
    name = case["id"]
    book.account(name)
    for held in case["inputs"]["assets"]:
        book.deposit(name, book.asset(f"{name}.{held['asset']}", held["price"], rules=_bands(held)), held["qty"])
    value = case["expected"]["collateral_value"]
    return Runs((Check("collateral after haircut", figure("margin_balance"), value, name, abs=case["tolerance"]["abs"]),))


def _tiers(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    assert all(low[1] == high[0] for low, high in pairwise(inputs["tiers"]))
    tiers = [{"from": low, "maintenance_rate": rate, "initial_rate": rate} for low, _, rate in inputs["tiers"]]
    book.account(name)
    book.position(name, book.perpetual(name, 1.0, {"tiers": tiers}), inputs["notional"])
    value = case["expected"]["maintenance_margin"]
    return Runs((Check("maintenance margin", figure("maintenance_margin"), value, name, abs=case["tolerance"]["abs"]),))


def _level(case: Row, book: CaseBook) -> Outcome:
    name, inputs, expected, within = case["id"], case["inputs"], case["expected"], case["tolerance"]["abs"]
    owed = inputs["liabilities"]
    book.account(name, USD=-owed)
    book.deposit(name, book.asset(name, 1.0, rules=haircuts(1.0 - inputs["collateral_ratio"])), inputs["asset_value"])

    def level(column: str) -> Check:
        def read(row: Found) -> float:
            return float((row[column] + owed) / owed)

        return Check(column, read, expected["margin_level" if column == "equity" else "collateral_margin_level"], name, abs=within)

    return Runs((level("equity"), level("margin_balance")), "levels are (equity + debt) / debt and (margin balance + debt) / debt")


def _floor(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    spot = inputs["spot"]
    need = {"rate": 0.0, "minimum": inputs["floor_factor"]}
    asset = book.asset(name, spot)
    book.account(name)
    for option_type, strike in (("call", 1.2 * spot), ("put", 0.8 * spot)):
        rules = {"short_option": {"maintenance": need, "initial": need}}
        option = book.instrument(
            f"{name}.{option_type}", "option", asset, 0.01 * spot, rules, expiry=after(30 * 86400.0), strike=strike, option_type=option_type
        )
        book.position(name, option, -inputs["net_short_contracts"] / 2.0)
    value = case["expected"]["floor"]
    return Runs((Check("floor", figure("maintenance_margin"), value, name, abs=case["tolerance"]["abs"]),), "one short call and one short put")


def synthetix(case: Row, file: Row, book: CaseBook) -> Outcome:
    """The case of `synthetix_v3`: five perpetuals fall from their entry prices at once; each also alone."""
    name, inputs, expected, within = case["id"], case["inputs"], case["expected"], case["tolerance"]["abs"]
    # Prices to 1e-12 of the account: sums of floats, where the source has integers.
    within = max(within, 1e-12 * inputs["collateral"])
    book.account(name, USD=inputs["collateral"])
    checks = [Check("available margin", figure("equity"), expected["available_margin"], name, PUBLISHED, abs=within)]
    for position, pnl in zip(inputs["positions"], expected["position_pnl"], strict=True):
        ratio = position["min_initial_ratio"]
        rules = flat(ratio * position["maintenance_scalar"], ratio)
        perpetual = book.perpetual(f"{name}.{position['market']}", position["entry_price"], rules, published=position["mark_price"])
        alone = book.account(f"{name}:{position['market']}")
        for account in (name, alone):
            book.position(account, perpetual, position["qty"], position["entry_price"])
        checks.append(Check(f"P&L of {position['market']}", figure("position_pnl"), pnl, alone, PUBLISHED, abs=within))
    return Runs(tuple(checks), "its margin ratios, which grow with size, are not among the published figures")


def span(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `span_takasbank`."""
    name, inputs = case["id"], case["inputs"]
    if inputs["kind"] != "future_pnl":
        return Waits("portfolio margin: SPAN")
    underlying = book.asset(f"{name}.stock", inputs["price"], published=inputs["price"] * (1.0 + inputs["price_shock"]))
    future = book.instrument(
        name, "future", underlying, inputs["price"], flat(0.1), contract_size=float(inputs["contract_size"]), expiry=after(30 * 86400.0)
    )
    book.account(name)
    book.position(name, future, float(inputs["qty"]))
    return Runs((Check("P&L", figure("position_pnl"), case["expected"]["pnl"], name, PUBLISHED, abs=case["tolerance"]["abs"]),))
