"""Listed options by the rules of CBOE's margin manual: long options paid in full, naked shorts, shares.

The published requirement is gross of premiums received: what must be there in cash besides, with premiums paid taken from it and premiums
received in it. So an account pays and receives its premiums in cash, and requirement - balance + premiums received is the figure.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from published.case_book import CaseBook, Check, Found, Outcome, Row, Runs, Waits, after, haircuts

SHARES = 100.0
LONG_DATED_DAYS = 270
"""Above nine months a long option is margined at 75 % of its price."""


def cboe(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `cboe_strategy`; only the margin account's requirement is a margin figure."""
    name, inputs = case["id"], case["inputs"]
    underlying, options, shares = inputs["underlying"], inputs["options"], inputs["shares"]
    if _spread(options) or (options and shares):
        return Waits("strategy margin")
    long_dated = any(option["qty"] > 0 and option["days_to_expiry"] > LONG_DATED_DAYS for option in options)
    book.account(name, {"long_option_credit": 0.25 if long_dated else 0.0})
    stock = book.asset(f"{name}.stock", shares["price"] if shares else underlying["price"], rules=haircuts(0.5))
    received: dict[str, float] = {}
    for number, option in enumerate(options):
        amount = -SHARES * option["qty"] * option["price"]
        book.deposit(name, "USD", amount)
        instrument = _option(f"{name}.{number}", stock, option, underlying, book) if _first(options, number) else f"{name}.0"
        received[instrument] = received.get(instrument, 0.0) + amount
        book.position(name, instrument, option["qty"])
    premiums = sum(max(0.0, amount) for amount in received.values())
    if shares:
        book.deposit(name, stock, shares["qty"])
        book.deposit(name, "USD", -shares["qty"] * shares["price"])

    def requirement(row: Found) -> float:
        # The source rounds amounts a share to cents, halves to even.
        a_share = Decimal(f"{(row['initial_margin'] - row['margin_balance_initial'] + premiums) / SHARES:.6f}")
        return float(a_share.quantize(Decimal("0.01"), ROUND_HALF_EVEN)) * SHARES

    figure = case["expected"]["margin_account_requirement"]
    return Runs((Check("margin account requirement", requirement, figure, name, abs=case["tolerance"]["abs"]),))


def _first(options: list[Row], number: int) -> bool:
    """The option is not the same contract as the first one, or is the first."""
    keys = ("type", "strike", "days_to_expiry")
    return number == 0 or any(options[0][key] != options[number][key] for key in keys)


def _spread(options: list[Row]) -> bool:
    """A long leg (expiring no earlier) covers a short one, or two shorts pair into a strangle; equal contracts only cancel."""
    longs, shorts = [o for o in options if o["qty"] > 0], [o for o in options if o["qty"] < 0]
    if len(options) == 2 and not _first(options, 1):
        return False
    covered = any(a["type"] == b["type"] and a["days_to_expiry"] >= b["days_to_expiry"] for a in longs for b in shorts)
    return covered or len({option["type"] for option in shorts}) > 1


def _option(name: str, stock: str, option: Row, underlying: Row, book: CaseBook) -> str:
    broad = underlying["kind"] == "broad"
    need = {"rate": (0.15 if broad else 0.20) * underlying["leverage"], "minimum": 0.10 * underlying["leverage"]}
    rules = {"short_option": {"maintenance": need, "initial": need, "base": "strike" if option["type"] == "put" else "underlying"}}
    return book.instrument(
        name, "option", stock, option["price"], rules, contract_size=SHARES, expiry=after(86400.0 * (1 + option["days_to_expiry"])),
        strike=option["strike"], option_type=option["type"],
    )  # fmt: skip
