"""dYdX v4: US dollars against perpetuals, initial and maintenance fractions; figures of the source are rounded up to 1e-6 dollars."""

from __future__ import annotations

from published.case_book import CaseBook, Check, Differs, Outcome, Row, Runs, Waits, figure, flat, liquidated


def dydx(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `dydx_v4`."""
    return {"account": _account, "oi_initial_margin": _of_open_interest, "liquidatable": _liquidatable}[case["inputs"]["kind"]](case, book)


def _account(case: Row, book: CaseBook) -> Outcome:
    name, inputs, expected, within = case["id"], case["inputs"], case["expected"], case["tolerance"]["abs"]
    if any("open_interest_qty" in position for position in inputs["positions"]):
        return Waits("margin that grows with open interest")
    book.account(name, USD=inputs["cash"])
    for position in inputs["positions"]:
        initial, price = position["initial_fraction"], position["price"]
        # The cash already holds what the position cost, so its whole price is its value: it was entered at zero.
        underlying = book.asset(f"{name}.{position['market']}.index", price, may_be_negative=price == 0.0)
        rules = flat(initial * position["maintenance_fraction_of_initial"], initial)
        perpetual = book.instrument(f"{name}.{position['market']}", "perpetual", underlying, price, rules)
        book.position(name, perpetual, position["qty"], 0.0, accrued_funding=position.get("unsettled_funding"))
    columns = {"net_collateral": "equity", "initial_margin": "initial_margin", "maintenance_margin": "maintenance_margin"}
    return Runs(tuple(Check(key, figure(columns[key]), value, name, abs=within) for key, value in expected.items()))


def _of_open_interest(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    if inputs["oi_upper_cap"] > 0.0:
        return Waits("margin that grows with open interest")
    perpetual = book.perpetual(name, 1.0, flat(0.0, inputs["initial_fraction"]))
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
