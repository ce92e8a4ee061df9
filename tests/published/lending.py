"""Pools of tokens with weights: Compound v3 (one debt against weighted collateral) and Mango v4 (tokens and perpetuals)."""

from __future__ import annotations

from published.case_book import PUBLISHED, CaseBook, Check, Differs, Found, Outcome, Row, Runs, Waits, flat, haircuts, liquidated, net


def compound(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `compound_v3`: the borrow factor is an initial haircut, the liquidation factor one of maintenance."""
    name, inputs, expected = case["id"], case["inputs"], case["expected"]
    borrowing = inputs["kind"] == "borrow"
    base_token = book.asset(f"{name}.base", 1.0, rules=haircuts(0.0))
    book.account(name, **{base_token: -inputs["base_debt"]})
    for held in inputs["collateral"]:
        haircut = 1.0 - held["factor"]
        # Bought at 1 and shocked to the price of the case: the source moves the price of the same account.
        token = book.asset(f"{name}.{held['asset']}", 1.0, rules=haircuts(0.0 if borrowing else haircut, haircut), published=held["price"])
        book.deposit(name, token, held["qty"])
    if borrowing:
        return Runs((Check("borrow covered", _covered, expected["borrow_collateralized"], name, PUBLISHED),))
    return Runs((Check("liquidatable", liquidated, expected["liquidatable"], name, PUBLISHED),))


def _covered(row: Found) -> bool:
    return bool(row["status"] == "ok")


def mango(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `mango_v4`: health is margin balance less requirement."""
    name, inputs = case["id"], case["inputs"]
    if inputs.get("kind") == "leverage":
        return Differs("leverage as liabilities over net assets is not a figure of the results")
    if inputs["spot_open_orders"] or any(perp["open_bids_base"] or perp["open_asks_base"] for perp in inputs["perps"]):
        return Waits("open orders")
    initial = inputs["health_type"] == "init"
    side = "init" if initial else "maint"
    overall = {perp[f"{side}_overall_asset_weight"] for perp in inputs["perps"]} or {1.0}
    # The other price is the stable one; maintenance does without.
    book.account(name, {"positive_pnl_weight": overall.pop(), "conservative_prices": {"initial": True, "marks": True}})
    for token in inputs["tokens"]:
        rules = haircuts(1.0 - token[f"{side}_asset_weight"], liability=token[f"{side}_liab_weight"])
        stable = token["stable_price"]
        book.deposit(
            name, book.asset(f"{name}.{token['token']}", token["oracle_price"], rules=rules, price_low=stable, price_high=stable), token["balance"]
        )
    how = ""
    for perp in inputs["perps"]:
        (settle,) = (token for token in inputs["tokens"] if token["token"] == perp["settle_token"])
        rules = flat(_charge(perp, settle, side))
        stable = perp["stable_price"]
        underlying = book.asset(f"{name}.perp.index", perp["oracle_price"], price_low=stable, price_high=stable)
        perpetual = book.instrument(f"{name}.perp", "perpetual", underlying, perp["oracle_price"], rules, f"{name}.{perp['settle_token']}")
        book.position(name, perpetual, perp["base_qty"], -perp["quote"] / perp["base_qty"])
        how = "the charge on the perpetual's notional carries the weights that its P&L and settle token have in this case"
    side = "initial" if initial else "maintenance"
    return Runs((Check("health", net(side), case["expected"]["health"], name, abs=case["tolerance"]["abs"]),), how)


def _price(holding: Row) -> float:
    """What initial health takes: the lower of oracle and stable price for what is owned, the higher for what is owed."""
    owned = bool(holding["balance" if "balance" in holding else "base_qty"] >= 0.0)
    prices = holding["oracle_price"], holding["stable_price"]
    # A token without a balance is worth nothing at either price.
    if holding.get("balance") == 0.0:
        return float(holding["oracle_price"])
    return float(min(prices) if owned else max(prices))


def _charge(perp: Row, settle: Row, side: str) -> float:
    """Rate on the notional that equals the perpetual's base weight.

    Mango weights the perpetual's equity after that charge (a gain by the overall weight) and the settle token's balance with it; the
    requirement stands outside both, so the rate carries the weights of the signs that hold in the case.
    """
    long = perp["base_qty"] > 0.0
    charge = abs(1.0 - perp[f"{side}_base_asset_weight" if long else f"{side}_base_liab_weight"])
    notional = perp["base_qty"] * (_price(perp) if side == "init" else perp["oracle_price"])
    equity = perp["quote"] + notional - charge * abs(notional)
    weighted = equity * perp[f"{side}_overall_asset_weight"] if equity > 0.0 else equity
    balance = settle["balance"] + weighted / settle["oracle_price"]
    factor = settle[f"{side}_asset_weight" if balance >= 0.0 else f"{side}_liab_weight"]
    return float(charge * factor * (weighted / equity))
