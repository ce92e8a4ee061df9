"""Derive v2: the standard manager (rules by position).

A standard case is held at prices a fifth lower than its own, options marked there by Black-76 of the reference in tests/oracle; the
scenario moves prices to those of the case, so that its figures also rest on the tool's implied vols, forwards and repricing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from oracle.options import Option, price
from published.case_book import PUBLISHED, CaseBook, Check, Found, Outcome, Row, Runs, after, figure, flat, haircuts, net

LOWER = 0.8
YEAR = 365.0 * 86400.0


def standard(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `derive_standard`."""
    name, inputs = case["id"], case["inputs"]
    rules = file["parameter_sets"][inputs["parameter_set"]]
    book.account(name, {**_model(rules["option"]), "add_ons": _add_ons(name, inputs, rules, book)}, USD=inputs["cash"])
    for market in inputs["markets"]:
        _market(name, market, rules, book)
    doubted = any(market["base_qty"] and market["spot_confidence"] < rules["oracle"]["base_threshold"] for market in inputs["markets"])
    return Runs(tuple(checks(case, PUBLISHED)), "the coins are held as a spot position, which add-ons measure" if doubted else "")


def _add_ons(name: str, inputs: Row, rules: Row, book: CaseBook) -> list[Row]:
    """What initial margin asks for prices that are not sure, and for a stablecoin below its peg; only what the case has of either."""
    sizes: list[Row] = [{"where": {"kind": "perpetual"}}, {"where": {"kind": "option"}, "side": "short"}]
    lines: list[Row] = []
    oracle, depeg = rules["oracle"], rules["depeg"]
    for what, size in zip(("perp", "option", "base"), [*sizes, {"where": {"kind": "spot"}}], strict=True):
        if _doubted(inputs, oracle, what):
            rate = {"maintenance": 0.0, "initial": oracle["factor"]}
            lines.append(
                {"name": f"confidence {what}", "of": "underlying_notional", "rate": rate, "confidence_below": oracle[f"{what}_threshold"], **size}
            )
    if inputs["stable_price"] < depeg["threshold"]:
        peg = {
            "asset": book.asset(f"{name}.stable", 1.0, published=inputs["stable_price"]),
            "threshold": depeg["threshold"],
            "factor": depeg["factor"],
        }
        rate = {"maintenance": 0.0, "initial": 1.0}
        lines += [{"name": f"depeg {n}", "of": "underlying_notional", "rate": rate, "depeg": peg, **size} for n, size in enumerate(sizes)]
    return lines


def _doubted(inputs: Row, oracle: Row, what: str) -> bool:
    """Whether some price of perpetuals, options or coins held is below the confidence that is asked."""
    held: list[float] = []
    for market in inputs["markets"]:
        spot = market["spot_confidence"]
        if what == "perp":
            held += [min(spot, market["perp"]["confidence"])] if market["perp"]["qty"] else []
        elif what == "base":
            held += [spot] if market["base_qty"] else []
        else:
            held += [min(spot, expiry["forward_confidence"], expiry["vol_confidence"]) for expiry in market["expiries"]]
    return any(confidence < oracle[f"{what}_threshold"] for confidence in held)


def _model(rules: Row) -> Row:
    """Shorts by themselves, or the largest loss of their expiry."""
    initial = {"rate": rules["max_spot_req"], "minimum": rules["min_spot_req"]}
    put = {"rate": 0.0, "minimum": rules["mm_put_spot_req"], "of_value": rules["mm_put_mtm_req"]}
    return {
        "kind": "strategy",
        "recognition": "expiry_max_loss",
        "naked_shorts": [
            {"where": {"option_type": "put"}, "maintenance": put, "initial": initial, "initial_multiple": rules["put_im_over_mm"]},
            {"maintenance": {"rate": 0.0, "minimum": rules["mm_call_spot_req"]}, "initial": initial},
        ],
        "unpaired_scale": {"maintenance": rules["unpaired_mm_scale"], "initial": rules["unpaired_im_scale"]},
    }


def _black(expiry: Row, option: Row, forward: float) -> float:
    terms = Option(1.0 if option["type"] == "call" else -1.0, option["strike"], inverse=False, normal=False)
    return price(terms, forward, option["iv"], expiry["seconds"] / YEAR, 1.0)


def _market(name: str, market: Row, rules: Row, book: CaseBook) -> None:
    own, spot = f"{name}.{market['underlying']}", market["spot"]
    base = book.asset(own, LOWER * spot, rules=haircuts(1.0 - rules["base_weight"]), published=spot, confidence=market["spot_confidence"])
    if market["base_qty"] and market["spot_confidence"] < rules["oracle"]["base_threshold"]:
        book.position(name, book.instrument(f"{own}.coin", "spot", base, LOWER * spot, None), market["base_qty"])
    elif market["base_qty"]:
        book.deposit(name, base, market["base_qty"])
    perp = market["perp"]
    if perp["qty"]:
        perpetual = book.instrument(
            f"{own}.perp", "perpetual", base, LOWER * perp["price"], flat(rules["perp_mm"], rules["perp_im"]), confidence=perp["confidence"]
        )
        book.position(name, perpetual, perp["qty"], perp["price"] - perp["unrealized_pnl"] / perp["qty"])
    for expiry in market["expiries"]:
        for option in expiry["options"]:
            forward = LOWER * expiry["forward"]
            instrument = book.instrument(
                f"{own}.{expiry['seconds']}.{option['type']}.{option['strike']:g}", "option", base, _black(expiry, option, forward), None,
                expiry=after(expiry["seconds"]), strike=option["strike"], option_type=option["type"], implied_vol=option["iv"], forward=forward,
                confidence=min(expiry["forward_confidence"], expiry["vol_confidence"]),
            )  # fmt: skip
            book.position(name, instrument, option["qty"])


def checks(case: Row, scenario: str) -> list[Check]:
    """The published net margins and values of a case, in the scenario that has its prices."""
    found = []
    readers: dict[str, Callable[[Found], float]] = {
        "net_initial_margin": net("initial"),
        "net_maintenance_margin": net("maintenance"),
        "mark_to_market_incl_cash": figure("equity"),
    }
    for key, value in case["expected"].items():
        if key.endswith("_int"):
            # The source keeps whole dollars only.
            found.append(Check(key, _truncated(readers[key.removesuffix("_int")]), float(value), case["id"], scenario))
        elif key in readers:
            tolerance = case["tolerance"]
            found.append(Check(key, readers[key], value, case["id"], scenario, rel=tolerance["rel"], abs=tolerance["abs"]))
    return found


def _truncated(read: Callable[[Found], float]) -> Callable[[Found], float]:
    def whole_dollars(row: Found) -> float:
        value = read(row)
        return float(math.trunc(value + math.copysign(1e-9, value)))

    return whole_dollars
