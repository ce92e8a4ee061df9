"""Pools of tokens with weights: Compound v3 (one debt against weighted collateral) and Mango v4 (tokens and perpetuals)."""

from __future__ import annotations

from published.case_book import PUBLISHED, CaseBook, Check, Differs, Found, Outcome, Row, Runs, flat, haircuts, liquidated, net


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
    ordered = inputs["spot_open_orders"] or any(perp["open_bids_base"] or perp["open_asks_base"] for perp in inputs["perps"])
    initial = inputs["health_type"] == "init"
    side = "init" if initial else "maint"
    # A perpetual whose equity is below zero after its charge has no weight, also where its P&L alone is above.
    overall = {perp[f"{side}_overall_asset_weight"] if _equity(perp, side) > 0.0 else 1.0 for perp in inputs["perps"]} or {1.0}
    # The other price is the stable one; maintenance does without.
    model: Row = {"positive_pnl_weight": overall.pop(), "conservative_prices": {"initial": True, "marks": True}}
    book.account(name, {**model, "orders": "worst_side" if ordered else "ignore"})
    for token in inputs["tokens"]:
        rules = haircuts(1.0 - token[f"{side}_asset_weight"], liability=token[f"{side}_liab_weight"])
        stable, start = token["stable_price"], token.get("deposit_weight_scale_start_quote")
        deposits = None
        if start is not None:
            # What resting orders may bring counts as deposited; for our tool that is the venue's figure.
            deposits = token["pool_deposits"] + token["pool_potential_order_deposits"]
            rules["concentration"] = {"deposits_above": {"initial": start}}
        coin = book.asset(f"{name}.{token['token']}", token["oracle_price"], rules=rules, price_low=stable, price_high=stable, pool_deposits=deposits)
        book.deposit(name, coin, token["balance"])
    how = ""
    for perp in inputs["perps"]:
        (settle,) = (token for token in inputs["tokens"] if token["token"] == perp["settle_token"])
        rules = flat(_charge(perp, settle, side))
        stable = perp["stable_price"]
        underlying = book.asset(f"{name}.perp.index", perp["oracle_price"], price_low=stable, price_high=stable)
        perpetual = book.instrument(f"{name}.perp", "perpetual", underlying, perp["oracle_price"], rules, f"{name}.{perp['settle_token']}")
        book.position(name, perpetual, perp["base_qty"], -perp["quote"] / perp["base_qty"])
        book.order(name, perpetual, perp["open_bids_base"], perp["oracle_price"])
        book.order(name, perpetual, -perp["open_asks_base"], perp["oracle_price"])
        how = "the charge on the perpetual's notional carries the weights that its P&L and settle token have in this case"
    _spot_orders(name, inputs, book)
    side = "initial" if initial else "maintenance"
    return Runs((Check("health", net(side), case["expected"]["health"], name, abs=case["tolerance"]["abs"]),), how)


def _spot_orders(name: str, inputs: Row, book: CaseBook) -> None:
    """Mango keeps what is reserved in each market, and converts it at the worse of the oracle's price and the extreme order's."""
    price = {token["token"]: token["oracle_price"] for token in inputs["tokens"]}
    for market in inputs["spot_open_orders"]:
        base, quote = market["base"], market["quote"]
        oracle = price[base] / price[quote]
        spot = book.instrument(f"{name}.{base}/{quote}", "spot", f"{name}.{base}", oracle, None, f"{name}.{quote}")
        bid = 1.0 / market["highest_bid_price_inverse"] if "highest_bid_price_inverse" in market else oracle
        book.order(name, spot, market["reserved_quote"] / bid, bid, market["reserved_quote"])
        book.order(name, spot, -market["reserved_base"], market.get("lowest_ask_price", oracle), market["reserved_base"])


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
    charge, equity = _weight(perp, _worst_quantity(perp), side), _equity(perp, side)
    weighted = equity * perp[f"{side}_overall_asset_weight"] if equity > 0.0 else equity
    balance = settle["balance"] + weighted / settle["oracle_price"]
    factor = settle[f"{side}_asset_weight" if balance >= 0.0 else f"{side}_liab_weight"]
    return float(charge * factor * (weighted / equity))


def _weight(perp: Row, quantity: float, side: str) -> float:
    """What the base weight takes from a quantity's notional."""
    return float(abs(1.0 - perp[f"{side}_base_asset_weight" if quantity > 0.0 else f"{side}_base_liab_weight"]))


def _worst_quantity(perp: Row) -> float:
    """The larger of the position with all bids and with all asks filled; base weights are the same distance from one either way."""
    return float(max(perp["base_qty"] + perp["open_bids_base"], perp["base_qty"] - perp["open_asks_base"], key=abs))


def _equity(perp: Row, side: str) -> float:
    """Quote and base after the charge of the worse side; orders at the oracle's price gain and lose nothing."""
    worst = _worst_quantity(perp)
    price = _price(perp) if side == "init" else perp["oracle_price"]
    return float(perp["quote"] + price * (perp["base_qty"] - _weight(perp, worst, side) * abs(worst)))
