"""Derive v2, the portfolio managers of both versions: grids, add-ons and factors of a model per case.

A case's rates differ by expiry: every expiry is quoted in a currency of its own, worth one unit of the reporting currency. Balances that a
manager adds to by the confidence of their prices are spot positions, which add-ons measure; the others are collateral.
"""

from __future__ import annotations

import math

from oracle.options import Option, price
from published.case_book import BASE, CaseBook, Differs, Outcome, Row, Runs, after, haircuts
from published.derive import YEAR, checks

LARGEST_VOL = 10.0
NEXT_TO_ZERO = 1e-15
PERPETUAL = {"where": {"kind": "perpetual"}, "of": "underlying_notional"}
NAKED = {"where": {"kind": "option"}, "of": "underlying_notional", "net": "strike", "side": "short"}
UNMOVED = 1e-12
"""A shift that moves nothing to speak of, and is still one up, so that the floor of shifted vols holds."""


def portfolio_1(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `derive_pmrm1`."""
    name, inputs = case["id"], case["inputs"]
    market, rules, perp = inputs["market"], file["parameter_sets"][inputs["parameter_set"]], inputs["perp"]
    grid = [_row(number, row["spot_mult"], row["vol"], rules, {}) for number, row in enumerate(file["scenario_grid"])]
    model = _model(name, grid, rules) | {
        "expiry_discount": {"positive": _discount(rules["static_discount_base"], rules["discount_rate_mult"], rules["discount_rate_add"])},
        "add_ons": [
            {"name": "perpetual", **PERPETUAL, "rate": rules["perp_contingency_pct"], "loss_factor": True},
            {"name": "base", "where": {"kind": "spot"}, "rate": rules["base_contingency_pct"], "loss_factor": True},
            {"name": "short options", **NAKED, "rate": rules["option_contingency_pct"], "loss_factor": True},
            {"name": "confidence", "of": "underlying_notional", **_confidence(rules)},
        ],
    }
    book.account(name, model, USD=inputs["cash"])
    held = [market["spot_confidence"], *([market["perp_confidence"]] if perp["qty"] else [])]
    index = book.asset(f"{name}.index", market["spot"], rules=haircuts(0.0), confidence=market["spot_confidence"])
    book.asset(f"{name}.stable", market["stable_price"])
    if inputs["base_qty"]:
        spot = book.instrument(f"{name}.spot", "spot", index, market["spot"], None, risk_group=name, confidence=min(held))
        book.position(name, spot, inputs["base_qty"])
    if perp["qty"]:
        perpetual = book.instrument(
            f"{name}.perp", "perpetual", index, market["perp_price"], None, risk_group=name, confidence=market["perp_confidence"]
        )
        book.position(name, perpetual, perp["qty"], market["perp_price"] - perp["unrealized_pnl"] / perp["qty"])
    for expiry in inputs["expiries"]:
        # The source discounts no option, but its marks down by rates: strike and forward carried at the rate give its prices.
        carried = math.exp(expiry["rate"] * expiry["seconds"] / YEAR)
        options = _options(
            name, index, expiry, expiry["forward_variable"] + expiry["forward_fixed"], carried, _averaging_1(expiry, market["spot"]), book
        )
        for option, quantity in options:
            book.position(name, option, quantity)
    return Runs(tuple(checks(case, BASE)))


def portfolio_2(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `derive_pmrm2`; cases with the same portfolio share its market."""
    name, inputs = case["id"], case["inputs"]
    portfolio, rules = file["portfolios"][inputs["portfolio"]], file["parameter_sets"][inputs["parameter_set"]]
    beyond = any(option["iv"] > LARGEST_VOL and expiry["seconds"] for expiry in portfolio["expiries"] for option in expiry["options"])
    if beyond and rules["skew_linear_cap_base"] >= 1.0:
        # Skew takes such a vol to zero.
        return Differs("vols of 33,900 % to 188,600 % a year; vols end at 1,000 %")
    market, perp, below = portfolio["market"], portfolio["perp"], rules["confidence_threshold"]
    group = f"{name.partition('-')[0]}.{inputs['portfolio']}"
    options = _market_2(group, portfolio, book)
    doubted = [held for held in portfolio["collateral"] if min(held["confidence"], market["spot_confidence"]) < below]
    # Groups without a scan range stand still: what spot does not move, and is measured nevertheless.
    standing = {"scan_ranges": [{"where": {"risk_group": group}, "spot": 1.0}]} if any(not held["shocked_with_spot"] for held in doubted) else {}
    grid = [_row(number, *row[:2], rules, standing) | {"weight": row[2]} for number, row in enumerate(file["scenario_sets"][inputs["scenario_set"]])]
    model = _model(group, grid, rules) | standing | {
        "expiry_discount": {
            "positive": _discount(rules["pos_discount_base"], rules["pos_rate_mult"], rules["pos_rate_add"]),
            "negative": _discount(rules["neg_markup_base"], rules["neg_rate_mult"], rules["neg_rate_add"]),
        },
        "vol_floor": {"up": rules["min_vol_after_up_shock"]},
        "skew": {
            "linear": {"base": rules["skew_linear_cap_base"], "slope": rules["skew_linear_cap_slope"]},
            "absolute": {"base": rules["skew_abs_cap_base"], "slope": rules["skew_abs_cap_slope"]},
            "width": rules["skew_width_scale"], "static": rules["skew_vol_param_static"], "scale": rules["skew_vol_param_scale"],
            "min_width": max(rules["skew_min_k_star"], UNMOVED),
        },
        "add_ons": [
            {"name": "perpetual", **PERPETUAL, "rate": _with_extra(rules, "perp_pct")},
            {"name": "short options", **NAKED, "rate": _with_extra(rules, "option_pct")},
            {"name": "confidence", "where": {"kind": ["option", "perpetual"]}, "of": "underlying_notional", **_confidence(rules)},
            {"name": "confidence of collateral", "where": {"kind": "spot"}, **_confidence(rules)},
        ],
        "hedges": {f"{group}.{held['asset']}": group for held in portfolio["collateral"] if held["shocked_with_spot"] and held not in doubted},
        "haircut_and_grid": True,
    }  # fmt: skip
    book.account(name, model, USD=portfolio["cash"])
    for held in portfolio["collateral"]:
        if held in doubted:
            book.position(name, f"{group}.{held['asset']}.spot", held["qty"])
        else:
            book.deposit(name, f"{group}.{held['asset']}", held["qty"])
    if perp["qty"]:
        entry = perp["price"] - perp["unrealized_pnl"] / perp["qty"]
        book.position(name, f"{group}.perp", perp["qty"], entry, accrued_funding=perp["unrealized_funding"])
    for option, quantity in options:
        book.position(name, option, quantity)
    how = "a call at a vol of 251,142 % a year, worth its forward: as a call with a strike next to zero" if beyond else ""
    return Runs(tuple(checks(case, BASE)), how)


def _market_2(group: str, portfolio: Row, book: CaseBook) -> list[tuple[str, float]]:
    """The assets and instruments of a portfolio, unless a case before has them; its options and how many of each."""
    market, perp = portfolio["market"], portfolio["perp"]
    new = book if all(row["asset"] != f"{group}.index" for row in book.tables["assets"]) else CaseBook()
    index = new.asset(f"{group}.index", market["spot"], confidence=market["spot_confidence"])
    # Prices of collateral are in US dollars, figures in the stablecoin: its dollar price is the price of the currency.
    dollar = new.asset(f"{group}.dollar", 1.0 / market["stable_price"])
    new.asset(f"{group}.stable", market["stable_price"])
    for held in portfolio["collateral"]:
        schedule = haircuts(held["haircut_maintenance"], held["haircut_maintenance"] + held["haircut_initial_extra"])
        asset = new.asset(f"{group}.{held['asset']}", held["price"], rules=schedule, price_currency=dollar, confidence=market["spot_confidence"])
        moves_with = group if held["shocked_with_spot"] else asset
        new.instrument(f"{asset}.spot", "spot", asset, held["price"], None, dollar, risk_group=moves_with, confidence=held["confidence"])
    if perp["qty"]:
        new.instrument(f"{group}.perp", "perpetual", index, perp["price"], None, risk_group=group, confidence=perp["confidence"])
    return [held for expiry in portfolio["expiries"] for held in _options(group, index, expiry, expiry["forward"], 1.0, _averaging_2(expiry), new)]


def _averaging_1(expiry: Row, spot: float) -> Row:
    """Where a part of the forward is fixed: the window, and the average so far, that fix as much of it at the price of today."""
    if not expiry["forward_fixed"]:
        return {}
    moving = expiry["forward_variable"] / spot
    average = expiry["forward_fixed"] / (1.0 - moving)
    return {"settlement_averaging_seconds": expiry["seconds"] / moving, "settled_average": average, "forward": spot}


def _averaging_2(expiry: Row) -> Row:
    """The last half hour is averaged."""
    return {"settlement_averaging_seconds": 1800.0, "settled_average": expiry["forward"]}


def _row(number: int, multiple: float, vol: str, rules: Row, standing: Row) -> Row:
    key = "scan" if standing else "spot"
    row: Row = {"name": f"{number}", key: multiple - 1.0}
    if vol.startswith("skew"):
        row |= {"skew": {"skew_linear": "linear", "skew_abs": "absolute"}[vol], "expiries": "absolute"}
    elif vol != "none":
        row["vol"] = max(rules["vol_range_up"], UNMOVED) if vol == "up" else -rules["vol_range_down"]
    return row


def _model(name: str, grid: list[Row], rules: Row) -> Row:
    basis = {
        "name": "basis", "forward": [rules["basis_spot_up"] - 1.0, rules["basis_spot_down"] - 1.0], "expiries": "losses", "discounted": False,
        "weight": rules["basis_add_factor"], "weight_per_year": rules["basis_mult_factor"],
    }  # fmt: skip
    return {
        "kind": "portfolio",
        "grid": [*grid, basis],
        "vol_term": {
            "reference_days": rules["term_pivot_days"], "power": rules["short_term_power"], "power_long": rules["long_term_power"],
            "min_days": max(rules["dte_floor_days"], UNMOVED),
        },
        "loss_factor": {"maintenance": rules["mm_factor"], "initial": rules["im_factor"]},
        "loss_factor_depeg": {"asset": f"{name}.stable", "threshold": rules["peg_loss_threshold"], "factor": rules["peg_loss_factor"]},
    }  # fmt: skip


def _discount(base: float, rate_multiple: float, rate_add: float) -> Row:
    return {"base": base, "rate_multiple": rate_multiple, "rate_add": rate_add}


def _with_extra(rules: Row, key: str) -> Row:
    return {"maintenance": rules[f"{key}_mm"], "initial": rules[f"{key}_mm"] + rules[f"{key}_im_extra"]}


def _confidence(rules: Row) -> Row:
    return {"rate": {"maintenance": 0.0, "initial": rules["confidence_margin"]}, "confidence_below": rules["confidence_threshold"]}


def _options(name: str, index: str, expiry: Row, forward: float, carried: float, averaging: Row, book: CaseBook) -> list[tuple[str, float]]:
    """The options of an expiry and how many of each is held; strike and forward carried by a factor."""
    # At expiry a snapshot holds no options: a microsecond before it.
    seconds = max(expiry["seconds"], 1e-6)
    years = seconds / YEAR
    currency = book.asset(f"{name}.{expiry['seconds']}", 1.0, rate=expiry["rate"])
    confidence = min(expiry[f"{what}_confidence"] for what in ("forward", "rate", "vol"))
    carries = {key: value * (1.0 if key == "settlement_averaging_seconds" else carried) for key, value in averaging.items()}
    found = []
    for option in expiry["options"]:
        vol, strike = option["iv"], carried * option["strike"]
        if vol > LARGEST_VOL:
            # Vols end there. A call at such a vol is worth its forward, as one with a strike next to zero is.
            assert option["type"] == "call"
            vol, strike = LARGEST_VOL, strike * (NEXT_TO_ZERO if expiry["seconds"] else 1.0)
        terms = Option(1.0 if option["type"] == "call" else -1.0, strike, inverse=False, normal=False)
        mark = price(terms, carried * forward, vol, years, math.exp(-expiry["rate"] * years))
        columns = {
            "expiry": after(seconds), "strike": strike, "option_type": option["type"], "implied_vol": vol,
            "forward": carried * forward, "risk_group": name, "confidence": confidence, **carries,
        }  # fmt: skip
        instrument = f"{name}.{expiry['seconds']}.{option['type']}.{option['strike']:g}"
        found.append((book.instrument(instrument, "option", index, mark, None, currency, **columns), option["qty"]))
    return found
