"""Listed options by the rules of CBOE's margin manual: one margin model for all cases, and what each account holds.

The published requirement is gross of the premiums of what is naked and of the proceeds of short shares, as the manual states it; the model's is
what is asked besides the values in the balance. So those values, at which everything was bought and sold, are added.
"""

from __future__ import annotations

from published.case_book import CaseBook, Check, Found, Outcome, Row, Runs, after, haircuts

SHARES = 100.0
MODEL = "cboe"
RATE: Row = {"rate": 0.20, "minimum": 0.10}
BROAD: Row = {"rate": 0.15, "minimum": 0.10}
RULES: Row = {
    "kind": "strategy",
    "source": "Cboe margin manual",
    "naked_shorts": [
        {"where": {"tags": ["broad"], "option_type": "put"}, "maintenance": BROAD, "initial": BROAD, "base": "strike"},
        {"where": {"tags": ["broad"]}, "maintenance": BROAD, "initial": BROAD},
        {"where": {"option_type": "put"}, "maintenance": RATE, "initial": RATE, "base": "strike"},
        {"maintenance": RATE, "initial": RATE},
    ],
    # Above nine months a long option is margined at 75 % of its price.
    "long_options": [{"where": {"tenor_days": [271, None]}, "rate": 0.75}],
    "leverage": [{"where": {"tags": [f"x{factor:g}"]}, "factor": factor} for factor in (1.5, 2.0, 3.0)],
    "shares": {"long": {"maintenance": 0.25, "initial": 0.50}, "short": {"maintenance": 0.30, "initial": 0.50}},
    "round_to": 0.01,
}


def cboe(case: Row, file: Row, book: CaseBook) -> Outcome:
    """One case of `cboe_strategy`; only the margin account's requirement is a margin figure."""
    name, inputs = case["id"], case["inputs"]
    underlying, options, shares = inputs["underlying"], inputs["options"], inputs["shares"]
    book.models[MODEL] = RULES
    book.account(name)
    book.tables["accounts"][-1]["margin_model"] = MODEL
    tags = [underlying["kind"], f"x{underlying['leverage']:g}"]
    stock = book.asset(f"{name}.stock", underlying["price"], rules=haircuts(0.0), tags=tags)
    proceeds = 0.0
    for number, option in enumerate(options):
        instrument = _option(f"{name}.{number}", stock, option, book) if _first(options, number) else f"{name}.0"
        book.position(name, instrument, option["qty"])
        book.deposit(name, "USD", -SHARES * option["qty"] * option["price"])
        if option["qty"] < 0 and not shares and not _paired(option, options):
            proceeds -= SHARES * option["qty"] * option["price"]
    if shares:
        book.position(name, book.instrument(f"{name}.shares", "spot", stock, shares["price"], None), shares["qty"])
        book.deposit(name, "USD", -shares["qty"] * shares["price"])
        proceeds += max(0.0, -shares["qty"] * shares["price"])

    def requirement(row: Found) -> float:
        return float(row["initial_margin"] - row["margin_balance_initial"] + proceeds)

    figure = case["expected"]["margin_account_requirement"]
    return Runs((Check("margin account requirement", requirement, figure, name, abs=case["tolerance"]["abs"]),))


def _first(options: list[Row], number: int) -> bool:
    """The option is not the same contract as the first one, or is the first."""
    keys = ("type", "strike", "days_to_expiry")
    return number == 0 or any(options[0][key] != options[number][key] for key in keys)


def _paired(short: Row, options: list[Row]) -> bool:
    """A long option of the same type that expires no earlier covers it; every case has as many as it needs."""
    return any(each["qty"] > 0 and each["type"] == short["type"] and each["days_to_expiry"] >= short["days_to_expiry"] for each in options)


def _option(name: str, stock: str, option: Row, book: CaseBook) -> str:
    return book.instrument(
        name, "option", stock, option["price"], None, contract_size=SHARES, expiry=after(86400.0 * (1 + option["days_to_expiry"])),
        strike=option["strike"], option_type=option["type"],
    )  # fmt: skip
