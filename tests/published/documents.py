"""Worked examples of venues' documentation, Synthetix's price stress, and SPAN figures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from published.case_book import PUBLISHED, CaseBook, Check, Found, Outcome, Row, Runs, after, figure, flat, haircuts


def exchange(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `exchange_docs`."""
    kind = case["inputs"]["kind"]
    if case["id"] == "doc-hypercall-spread":
        return _net_floor(case, book)
    return {
        "tiered_collateral": _collateral,
        "flat_collateral": _collateral,
        "marginal_tiers": _tiers,
        "margin_level": _level,
        "short_option_floor": _floor,
        "delta_floor": _delta_floor,
        "collateral_to_cover": _to_cover,
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


def _net_floor(case: Row, book: CaseBook) -> Outcome:
    """Ten calls sold at one strike, five bought at another: the floor is asked of the net."""
    name, inputs = case["id"], case["inputs"]
    spot, short = inputs["spot"], inputs["net_short_contracts"]
    floor = {"where": {"kind": "option"}, "side": "short", "net": "risk_group", "of": "underlying_notional", "combine": "floor"}
    book.account(name, {"kind": "portfolio", "grid": [{}], "add_ons": [{"name": "floor", **floor, "rate": inputs["floor_factor"]}]})
    asset = book.asset(name, spot)
    for strike, quantity in ((1.1 * spot, -2.0 * short), (1.3 * spot, short)):
        option = book.instrument(
            f"{name}.{strike:g}", "option", asset, 0.02 * spot, None, expiry=after(30 * 86400.0), strike=strike, option_type="call"
        )
        book.position(name, option, quantity)
    value = case["expected"]["floor"]
    return Runs((Check("floor", figure("maintenance_margin"), value, name, abs=case["tolerance"]["abs"]),), "five bought calls against ten sold")


def _to_cover(case: Row, book: CaseBook) -> Outcome:
    """A debt, and collateral enough: what of it the debt takes up, at what a unit of it counts."""
    name, inputs = case["id"], case["inputs"]
    debt, held = inputs["deficit"], 2.0 * inputs["deficit"]
    book.account(name, USD=-debt)
    book.deposit(name, book.asset(name, 1.0, rules=haircuts(inputs["haircut"])), held)

    def taken_up(row: Found) -> float:
        return float(debt / ((row["margin_balance"] + debt) / (row["collateral_value"] + debt)))

    check = Check("collateral to sell", taken_up, case["expected"]["collateral_to_sell"], name, abs=case["tolerance"]["abs"])
    return Runs((check,), "the debt over what a unit of the collateral counts")


def _delta_floor(case: Row, book: CaseBook) -> Outcome:
    """Each published delta is a line of an account of its own, at a rate of one; the requirement is both lines at their rates."""
    name, inputs, expected, within = case["id"], case["inputs"], case["expected"], case["tolerance"]["abs"]
    spot = inputs["spot"]
    net, hedged = {"name": "net", "of": "delta", "net": "risk_group"}, {"name": "hedged", "of": "delta", "part": "hedged"}
    lines = {
        "net_delta": [{**net, "rate": 1.0}],
        "gross_delta": [{"name": "gross", "of": "delta", "rate": 1.0}],
        "hedged_delta": [{**hedged, "rate": 1.0}],
        "requirement": [{**net, "rate": inputs["net_pct"]}, {**hedged, "rate": inputs["hedged_pct"]}],
    }
    asset = book.asset(name, spot)
    legs = [
        (book.instrument(f"{name}.{number}", "perpetual", asset, spot, None, contract_size=leg["delta"]), leg["qty"])
        for number, leg in enumerate(inputs["legs"])
    ]
    checks = []
    for line, add_ons in lines.items():
        account = book.account(f"{name}:{line}", {"kind": "portfolio", "grid": [{}], "add_ons": add_ons})
        for instrument, quantity in legs:
            book.position(account, instrument, quantity)
        size = inputs["net_pct"] * abs(expected["net_delta"]) + inputs["hedged_pct"] * expected["hedged_delta"]
        checks.append(Check(line, _over(spot), abs(expected.get(line, size)), account, abs=within))
    return Runs(tuple(checks), "a contract of 0.3 coins in place of an option with a delta of 0.3; sizes without their sign")


def _over(spot: float) -> Callable[[Found], float]:
    def in_coins(row: Found) -> float:
        return float(row["maintenance_margin"] / spot)

    return in_coins


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
    if inputs["kind"] == "sum":
        return _span_total(case, book)
    underlying = book.asset(f"{name}.stock", inputs["price"], published=inputs["price"] * (1.0 + inputs["price_shock"]))
    future = book.instrument(
        name, "future", underlying, inputs["price"], flat(0.1), contract_size=float(inputs["contract_size"]), expiry=after(30 * 86400.0)
    )
    book.account(name)
    book.position(name, future, float(inputs["qty"]))
    return Runs((Check("P&L", figure("position_pnl"), case["expected"]["pnl"], name, PUBLISHED, abs=case["tolerance"]["abs"]),))


def _span_total(case: Row, book: CaseBook) -> Outcome:
    """Scan risk and the value of a sold option: what the account must hold, both together."""
    name, inputs, expected = case["id"], case["inputs"], case["expected"]
    still = book.asset(f"{name}.still", 3.0 * abs(inputs["net_option_value"]))
    model = {"kind": "portfolio", "grid": [{"name": "moved", "scan": 1.0}], "scan_ranges": [{"where": {"asset": f"{name}.moving"}, "spot": 1.0}]}
    moving = book.asset(f"{name}.moving", 1.0)
    book.account(name, model)
    book.position(name, book.instrument(f"{name}.future", "perpetual", moving, 1.0, None), -inputs["span_risk"])
    worth = abs(inputs["net_option_value"])
    sold = book.instrument(f"{name}.option", "option", still, worth, None, expiry=after(30 * 86400.0), strike=3.0 * worth, option_type="call")
    book.position(name, sold, -1.0)

    def required(row: Found) -> float:
        return float(row["maintenance_margin"] - row["margin_balance"])

    check = Check("total requirement", required, expected["total_requirement"], name, abs=case["tolerance"]["abs"])
    return Runs((check,), "the scan risk as that of a future: its inputs are not published")
