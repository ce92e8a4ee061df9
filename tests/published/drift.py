"""Drift v2: weights for tokens and ratios for perpetuals. Requirement less collateral is what both sides agree on.

Drift counts weighted debts into the requirement, we into the margin balance, so the published figures are compared as collateral less
requirement: total_collateral - margin_requirement = margin balance - requirement.
"""

from __future__ import annotations

from published.case_book import CaseBook, Check, Differs, Found, Outcome, Row, Runs, figure, flat, haircuts, net

PER_ORDER = 0.01
"""Quote units that Drift asks for every open order."""


def drift(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `drift_v2`."""
    inputs = case["inputs"]
    kind = inputs.get("kind", "account")
    return {"size_scaled_weight": _weight, "pool_scaled_weight": _pool_scaled, "perp_margin": _perpetual, "account": _account}[kind](case, book)


FLOORED = 1e-9
"""Published weights are multiples of 1e-4, exactly."""


def _pool_scaled(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    rules = {**haircuts(1.0 - inputs["base_weight"]), "concentration": {"deposits_above": {"initial": inputs["scale_start_quote"]}}}
    book.account(name)
    book.deposit(name, book.asset(name, inputs["price"], rules=rules, pool_deposits=inputs["pool_deposits_tokens"]), 1.0)
    return Runs((Check("weight", _initial_weight, case["expected"]["weight"], name, abs=FLOORED),), "the weight of one unit")


def _initial_weight(row: Found) -> float:
    return float(row["margin_balance_initial"] / row["equity"])


def _weight(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    asset = inputs["side"] == "asset"
    rules = haircuts(1.0 - inputs["base_weight"]) if asset else haircuts(0.0, liability=inputs["base_weight"])
    how = "a size factor of zero, so that weights stay as they are"
    if inputs["imf_factor"]:
        rules["size_scaling"] = {"factor": inputs["imf_factor"], "asset_numerator": 1.1, "liability_share": 0.8, "floor_to": 0.0001}
        how = "the weight of profit by its size, shown by a deposit of that size" if name.startswith("drift-upnl") else ""
    if inputs["margin_type"] == "fill":
        how = "a model for fills, whose weights are the mean of initial and maintenance"
    book.account(name)
    book.deposit(name, book.asset(name, 1.0, rules=rules), inputs["size_tokens"] if asset else -inputs["size_tokens"])

    def weight(row: Found) -> float:
        return float(row["margin_balance"] / row["equity"])

    return Runs((Check("weight", weight, case["expected"]["weight"], name, abs=FLOORED),), how)


def _perpetual(case: Row, book: CaseBook) -> Outcome:
    name, inputs, expected, within = case["id"], case["inputs"], case["expected"], case["tolerance"]["abs"]
    book.account(name, {"positive_pnl_weight": inputs["upnl_weight"], "positive_pnl_cap": {"initial": inputs["upnl_cap_initial"]}})
    rules = {**flat(inputs["init_ratio"]), "size_scaling": {"factor": inputs["imf_factor"], "rate_share": 0.8, "floor_to": 0.0001}}
    perpetual = book.perpetual(name, inputs["price"], rules)
    book.position(name, perpetual, inputs["base_qty"], -inputs["quote"] / inputs["base_qty"])
    return Runs(
        (
            Check("margin requirement", figure("initial_margin"), expected["margin_requirement"], name, abs=within),
            Check("weighted unrealised P&L", figure("margin_balance_initial"), expected["weighted_unrealized_pnl"], name, abs=within),
        ),
        "the size factors of ratio and profit do not bind at this size",
    )


def _account(case: Row, book: CaseBook) -> Outcome:
    name, inputs, expected = case["id"], case["inputs"], case["expected"]
    if "liquidation_buffer_ratio" in inputs or "margin_buffer_ratio" in inputs:
        return Differs("how far above the requirement a liquidation is carried on is not a figure of the results")
    if "max_withdrawable" in expected:
        return Differs("the largest withdrawal is not a figure of the results: what is free of the initial margin is")
    side = "initial" if inputs["margin_type"] == "initial" else "maintenance"
    user, override = inputs.get("user_custom_ratio", 0.0), inputs.get("ratio_override", 0.0)
    # A ratio that the user chose binds the initial calculation only, one that the operator set binds both.
    asked = {"initial": max(user, override), "maintenance": override}
    weights = {perp["positive_upnl_weight"] for perp in inputs["perps"]} or {1.0}
    model: Row = {"positive_pnl_weight": 1.0 if inputs["margin_type"] == "equity" else weights.pop()}
    if inputs.get("strict"):
        model["conservative_prices"] = {"initial": True}
    ordered = any(held.get("open_orders") for held in inputs["spot"])
    if ordered:
        model |= {"orders": "worst_side", "order_amount": PER_ORDER}
    book.account(name, model, 1.0 / user if user else None)
    quote = "USD"
    for held in inputs["spot"]:
        rules = haircuts(0.0) if held.get("quote") else _weights(held, asked)
        average = held.get("twap")
        token = book.asset(f"{name}.{held['asset']}", held["price"], rules=rules, price_low=average, price_high=average)
        quote = token if held.get("quote") else quote
        book.deposit(name, token, held["balance"])
        if held.get("open_orders"):
            market = book.instrument(f"{token}.spot", "spot", token, held["price"], None, quote)
            book.order(name, market, held.get("open_bids", 0.0) - held.get("open_asks", 0.0), held["price"])
    for perp in inputs["perps"]:
        rules = flat(max(perp["maint_ratio"], asked["maintenance"]), max(perp["init_ratio"], override))
        perpetual = book.perpetual(f"{name}.{perp['market']}", perp["price"], rules, quote=quote)
        custom = perp.get("custom_ratio")
        book.position(name, perpetual, perp["base_qty"], -perp["quote"] / perp["base_qty"], leverage=1.0 / custom if custom else None)
    if "net_equity" in expected:
        return Runs((Check("equity", figure("equity"), expected["net_equity"], name, abs=case["tolerance"]["abs"]),))
    # Where only the requirement is published, the collateral is the plain dollars of the inputs.
    collateral = expected.get("total_collateral", sum(held["balance"] * held["price"] for held in inputs["spot"] if held.get("quote")))
    free = collateral - expected.get("margin_requirement", 0.0)
    if ordered:
        # What they are short of is the tolerance of a status, which rounding would decide.
        book.deposit(name, "USD", 1.0)
        free += 1.0
    weighted = any(not held.get("quote") for held in inputs["spot"]) and max(asked.values())
    how = "the ratio's effect on token weights is written into the schedule" if weighted else "a dollar more is held" if ordered else ""
    return Runs((Check("collateral less requirement", net(side), free, name, abs=case["tolerance"]["abs"]),), how)


def _weights(held: Row, asked: dict[str, float]) -> Row:
    return haircuts(
        1.0 - min(held["maint_asset_weight"], max(0.0, 1.0 - asked["maintenance"])),
        1.0 - min(held["init_asset_weight"], max(0.0, 1.0 - asked["initial"])),
        max(held["maint_liab_weight"], 1.0 + asked["maintenance"]),
        max(held["init_liab_weight"], 1.0 + asked["initial"]),
    )
