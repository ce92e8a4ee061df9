"""Derive v2: the standard manager (rules by position).

A standard case is held at prices a fifth lower than its own, options marked there by Black-76 of the reference in tests/oracle; the
scenario moves prices to those of the case, so that its figures also rest on the tool's implied vols, forwards and repricing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from oracle.options import Option, price
from published.case_book import PUBLISHED, CaseBook, Check, Found, Outcome, Row, Runs, Waits, after, figure, flat, haircuts, net

LOWER = 0.8
YEAR = 365.0 * 86400.0


def standard(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `derive_standard`."""
    name, inputs = case["id"], case["inputs"]
    rules = file["parameter_sets"][inputs["parameter_set"]]
    waits = _waits(inputs, rules)
    if waits is not None:
        return waits
    lines = _add_ons(name, inputs, rules, book)
    book.account(name, {"add_ons": lines} if lines else None, USD=inputs["cash"])
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


def _waits(inputs: Row, rules: Row) -> Waits | None:
    for market in inputs["markets"]:
        for expiry in market["expiries"]:
            short = any(option["qty"] < 0.0 for option in expiry["options"])
            if short and _most_loss(expiry, rules["option"]) > _of_shorts(market["spot"], expiry, rules["option"]) - 1e-9:
                return Waits("strategy margin: a spread needs its largest loss")
            if any(_multiple_of_maintenance(market["spot"], expiry, option, rules["option"]) for option in expiry["options"]):
                return Waits("strategy margin: initial margin of a put as a multiple of maintenance")
    return None


def _worth(expiry: Row, option: Row) -> float:
    return _black(expiry, option, expiry["forward"])


def _black(expiry: Row, option: Row, forward: float) -> float:
    terms = Option(1.0 if option["type"] == "call" else -1.0, option["strike"], inverse=False, normal=False)
    return price(terms, forward, option["iv"], expiry["seconds"] / YEAR, 1.0)


def _of_shorts(spot: float, expiry: Row, rules: Row) -> float:
    """Net initial margin of the shorts of an expiry one by one: what short_option rules give."""
    total = 0.0
    for option in expiry["options"]:
        if option["qty"] < 0.0:
            w = 1.0 if option["type"] == "call" else -1.0
            otm = max(0.0, w * (option["strike"] - spot))
            need = max(rules["max_spot_req"] * spot - otm, rules["min_spot_req"] * spot)
            total += option["qty"] * (_worth(expiry, option) + need)
    return total


def _most_loss(expiry: Row, rules: Row) -> float:
    """Lowest payoff over settlement at zero and at every strike, at most zero, and scaled forwards for calls not covered."""

    def payoff(settled: float) -> float:
        return math.fsum(o["qty"] * max(0.0, (1.0 if o["type"] == "call" else -1.0) * (settled - o["strike"])) for o in expiry["options"])

    calls = sum(option["qty"] for option in expiry["options"] if option["type"] == "call")
    lowest = min(0.0, *(payoff(strike) for strike in (0.0, *(option["strike"] for option in expiry["options"]))))
    return float(lowest + rules["unpaired_mm_scale"] * expiry["forward"] * min(0.0, calls))


def _multiple_of_maintenance(spot: float, expiry: Row, option: Row, rules: Row) -> bool:
    """A short put so deep that its price, not the spot price, sets its maintenance margin."""
    return bool(
        option["type"] == "put" and option["qty"] < 0.0 and rules["mm_put_mtm_req"] * _worth(expiry, option) > rules["mm_put_spot_req"] * spot
    )


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
    option_rules = rules["option"]
    shorts = {
        "short_option": {
            "maintenance": {"rate": 0.0, "minimum": option_rules["mm_call_spot_req"]},
            "initial": {"rate": option_rules["max_spot_req"], "minimum": option_rules["min_spot_req"]},
        }
    }
    for expiry in market["expiries"]:
        for option in expiry["options"]:
            forward = LOWER * expiry["forward"]
            instrument = book.instrument(
                f"{own}.{expiry['seconds']}.{option['type']}.{option['strike']:g}", "option", base, _black(expiry, option, forward), shorts,
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
