"""dYdX v4: US dollars against perpetuals, initial and maintenance fractions; figures of the source are rounded up to 1e-6 dollars."""

from __future__ import annotations

from published.case_book import CaseBook, Check, Differs, Outcome, Row, Runs, figure, flat, liquidated


def dydx(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `dydx_v4`."""
    return {"account": _account, "oi_initial_margin": _of_open_interest, "liquidatable": _liquidatable}[case["inputs"]["kind"]](case, book)


def _account(case: Row, book: CaseBook) -> Outcome:
    name, inputs, expected, within = case["id"], case["inputs"], case["expected"], case["tolerance"]["abs"]
    if _is_cut(inputs["positions"]):
        return Differs("the raised fraction is kept in whole millionths there, which is 0.0004 of 264.60 less; here it is not rounded")
    book.account(name, USD=inputs["cash"])
    for position in inputs["positions"]:
        initial, price = position["initial_fraction"], position["price"]
        # The cash already holds what the position cost, so its whole price is its value: it was entered at zero.
        underlying = book.asset(f"{name}.{position['market']}.index", price, may_be_negative=price == 0.0)
        rules = flat(initial * position["maintenance_fraction_of_initial"], initial)
        contracts = position.get("open_interest_qty")
        if contracts is not None:
            rules["open_interest_scaling"] = {"from": position["oi_lower_cap"], "to": position["oi_upper_cap"]}
        perpetual = book.instrument(f"{name}.{position['market']}", "perpetual", underlying, price, rules, open_interest=contracts)
        book.position(name, perpetual, position["qty"], 0.0, accrued_funding=position.get("unsettled_funding"))
    columns = {"net_collateral": "equity", "initial_margin": "initial_margin", "maintenance_margin": "maintenance_margin"}
    return Runs(tuple(Check(key, figure(columns[key]), value, name, abs=within) for key, value in expected.items()))


def _is_cut(positions: list[Row]) -> bool:
    """Whether open interest raises a fraction to one that is no whole number of millionths."""
    for position in positions:
        lower, upper = position.get("oi_lower_cap", 0.0), position.get("oi_upper_cap", 0.0)
        if upper > lower:
            share = min(1.0, max(0.0, (position["open_interest_qty"] * position["price"] - lower) / (upper - lower)))
            millionths = (position["initial_fraction"] + share * (1.0 - position["initial_fraction"])) * 1e6
            if abs(millionths - round(millionths)) > 1e-6:
                return True
    return False


def _of_open_interest(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    rules = flat(0.0, inputs["initial_fraction"])
    # Caps of zero turn it off.
    if inputs["oi_upper_cap"] > 0.0:
        rules["open_interest_scaling"] = {"from": inputs["oi_lower_cap"], "to": inputs["oi_upper_cap"]}
    underlying = book.asset(f"{name}.index", 1.0)
    perpetual = book.instrument(name, "perpetual", underlying, 1.0, rules, open_interest=inputs["open_interest_notional"])
    book.account(name)
    book.position(name, perpetual, inputs["position_notional"])
    return Runs((Check("initial margin", figure("initial_margin"), case["expected"]["initial_margin"], name, abs=case["tolerance"]["abs"]),))


def _liquidatable(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    if inputs["net_collateral"] < 0.0 and inputs["maintenance_margin"] == 0.0:
        return Differs("equity below zero is a default, whatever the requirement")
    book.account(name, USD=inputs["net_collateral"])
    if inputs["maintenance_margin"]:
        book.position(name, book.perpetual(name, 1.0, {"amount_per_contract": inputs["maintenance_margin"]}), 1.0)
    return Runs((Check("liquidatable", liquidated, case["expected"]["liquidatable"], name),))
