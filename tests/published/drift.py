"""Drift v2: weights for tokens and ratios for perpetuals. Requirement less collateral is what both sides agree on.

Drift counts weighted debts into the requirement, we into the margin balance, so the published figures are compared as collateral less
requirement: total_collateral - margin_requirement = margin balance - requirement.
"""

from __future__ import annotations

from published.case_book import CaseBook, Check, Found, Outcome, Row, Runs, Waits, figure, flat, haircuts, net


def drift(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `drift_v2`."""
    inputs = case["inputs"]
    kind = inputs.get("kind", "account")
    return {"size_scaled_weight": _weight, "pool_scaled_weight": _pool_scaled, "perp_margin": _perpetual, "account": _account}[kind](case, book)


def _pool_scaled(case: Row, book: CaseBook) -> Outcome:
    return Waits("haircuts that grow with platform-wide concentration")


def _weight(case: Row, book: CaseBook) -> Outcome:
    name, inputs = case["id"], case["inputs"]
    if inputs["imf_factor"]:
        return Waits("rates and weights that grow with size")
    if inputs["margin_type"] == "fill":
        return Waits("a third margin type besides initial and maintenance")
    asset = inputs["side"] == "asset"
    rules = haircuts(1.0 - inputs["base_weight"]) if asset else haircuts(0.0, liability=inputs["base_weight"])
    book.account(name)
    book.deposit(name, book.asset(name, 1.0, rules=rules), inputs["size_tokens"] if asset else -inputs["size_tokens"])

    def weight(row: Found) -> float:
        return float(row["margin_balance"] / row["equity"])

    return Runs((Check("weight", weight, case["expected"]["weight"], name, abs=1e-9),), "a size factor of zero, so that weights stay as they are")


def _perpetual(case: Row, book: CaseBook) -> Outcome:
    name, inputs, expected, within = case["id"], case["inputs"], case["expected"], case["tolerance"]["abs"]
    book.account(name, {"positive_pnl_weight": inputs["upnl_weight"], "positive_pnl_cap": {"initial": inputs["upnl_cap_initial"]}})
    perpetual = book.perpetual(name, inputs["price"], flat(inputs["init_ratio"]))
    book.position(name, perpetual, inputs["base_qty"], -inputs["quote"] / inputs["base_qty"])
    return Runs(
        (
            Check("margin requirement", figure("initial_margin"), expected["margin_requirement"], name, abs=within),
            Check("weighted unrealised P&L", figure("margin_balance_initial"), expected["weighted_unrealized_pnl"], name, abs=within),
        ),
        "the size factors do not bind at this size",
    )


def _account(case: Row, book: CaseBook) -> Outcome:
    name, inputs, expected = case["id"], case["inputs"], case["expected"]
    if any(held.get("open_orders") for held in inputs["spot"]):
        return Waits("open orders")
    if "liquidation_buffer_ratio" in inputs or "margin_buffer_ratio" in inputs:
        return Waits("liquidation buffer")
    if "max_withdrawable" in expected:
        return Waits("largest withdrawal")
    if inputs.get("strict") and any(_conservative(held, bool(inputs["perps"])) for held in inputs["spot"]):
        return Waits("conservative prices")
    side = "initial" if inputs["margin_type"] == "initial" else "maintenance"
    user, override = inputs.get("user_custom_ratio", 0.0), inputs.get("ratio_override", 0.0)
    # A ratio that the user chose binds the initial calculation only, one that the operator set binds both.
    asked = {"initial": max(user, override), "maintenance": override}
    weights = {perp["positive_upnl_weight"] for perp in inputs["perps"]} or {1.0}
    book.account(name, {"positive_pnl_weight": 1.0 if inputs["margin_type"] == "equity" else weights.pop()}, 1.0 / user if user else None)
    quote = "USD"
    for held in inputs["spot"]:
        rules = haircuts(0.0) if held.get("quote") else _weights(held, asked)
        token = book.asset(f"{name}.{held['asset']}", held["price"], rules=rules)
        quote = token if held.get("quote") else quote
        book.deposit(name, token, held["balance"])
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
    weighted = any(not held.get("quote") for held in inputs["spot"]) and max(asked.values())
    how = "the ratio's effect on token weights is written into the schedule" if weighted else ""
    return Runs((Check("collateral less requirement", net(side), free, name, abs=case["tolerance"]["abs"]),), how)


def _conservative(held: Row, priced_twice: bool) -> bool:
    """The average price takes part: it is below the price of what is owned (or above that of what is owed; of perpetuals either)."""
    if "twap" not in held:
        return False
    if priced_twice:
        return bool(held["twap"] != held["price"])
    return bool(held["twap"] < held["price"] if held["balance"] >= 0.0 else held["twap"] > held["price"])


def _weights(held: Row, asked: dict[str, float]) -> Row:
    return haircuts(
        1.0 - min(held["maint_asset_weight"], max(0.0, 1.0 - asked["maintenance"])),
        1.0 - min(held["init_asset_weight"], max(0.0, 1.0 - asked["initial"])),
        max(held["maint_liab_weight"], 1.0 + asked["maintenance"]),
        max(held["init_liab_weight"], 1.0 + asked["initial"]),
    )
