"""The first run file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stresstest.runs.onboarding.placeholders import MARK
from stresstest.runs.onboarding.yaml_text import Draft, named, with_remarks
from stresstest.snapshot.request import DEFAULTS_FILE
from stresstest.snapshot.survey import Survey

NAME = "run.yaml"
_USUAL_CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF")


@dataclass(frozen=True)
class Frame:
    """Moment and currency of the snapshot. `guessed`: why each is a guess, by key; empty where `snapshot.json` states it."""

    as_of: datetime
    reporting_currency: str
    guessed: dict[str, str]


def frame(found: Survey) -> Frame:
    """What the snapshot states, and guesses for what it leaves to the run file.

    The moment: the latest price, else when the files were written, but before anything held expires. The currency: what prices refer to and
    the assets do not list, else a usual currency or cash that is listed with price 1, else the first usual one that is not listed.
    """
    guessed = {}
    as_of = found.as_of
    if as_of is None:
        as_of, why = (found.written, "when its files were written") if found.latest_price is None else (found.latest_price, "its latest price_time")
        as_of = as_of.replace(microsecond=0)
        if found.first_expiry is not None and as_of >= found.first_expiry:
            as_of, why = found.first_expiry - timedelta(days=1), "a day before the first expiry of what is held"
        guessed["as_of"] = f"the moment of the snapshot; this is {why}"
    currency = found.reporting_currency
    if currency is None:
        currency, why = _currency(found)
        guessed["reporting_currency"] = f"the currency of all figures; {why}"
    return Frame(as_of, currency, guessed)


def _currency(found: Survey) -> tuple[str, str]:
    if found.unlisted:  # one of them it must be: no other asset may be missing
        usual = [name for name in _USUAL_CURRENCIES if name in found.unlisted]
        return (usual or found.unlisted)[0], "prices refer to it and assets do not list it"
    rows = found.assets.select("asset", "asset_class", "price", "price_currency").rows()
    at_one = [asset for asset, _, price, priced_in in rows if price == 1 and priced_in in (None, asset)]
    cash = {asset for asset, kind, _, _ in rows if kind == "cash" and asset in at_one}
    likely = [*(name for name in _USUAL_CURRENCIES if name in at_one), *sorted(cash)]
    if likely:
        return likely[0], "listed with price 1"
    listed = {asset for asset, *_ in rows}
    return next((name for name in _USUAL_CURRENCIES if name not in listed), _USUAL_CURRENCIES[0]), "nothing in the snapshot says which"


def run_draft(snapshot: str, stated: Frame, checked_prices: bool) -> Draft:
    """The run file. `snapshot`: its path as the file should name it; `checked_prices`: the snapshot says when its prices were."""
    moment = f'as_of: "{stated.as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"'
    currency = f"reporting_currency: {named(stated.reporting_currency)}"
    lines = [
        ("version: 1", ""),
        ("name: First run, on placeholder margins", f"{MARK}: the title of the report"),
        (f"snapshot: {named(snapshot)}", "folder of Parquet tables, or a URL; paths start at this file"),
        _stated("as_of", moment, stated.guessed),
        _stated("reporting_currency", currency, stated.guessed),
        ("scenarios:", "all together; leave out what you do not want"),
        ("  - scenarios.yaml", "for this snapshot: sizes to be set"),
        ("  - library:crisis", "historical events, for any book, each size with its source"),
        ("  - library:standard", "hypothetical and operational scenarios, for any book"),
        ("margin: margin.yaml", "haircuts, margin rates and models"),
        ("keep: breaches", "rows per account and scenario to keep: all | breaches | worst"),
        ("on_missing: refuse", "accounts with bad data: refuse the run, or exclude them (listed, light at least amber)"),
        (f"{'' if checked_prices else '# '}max_price_age: 1h", "older prices are a warning; needs price_time of all of them"),
        ("reconciliation_tolerance: {relative: 0.0001, absolute: 1.0}", "against the reported_* columns of accounts"),
    ]
    resources = [
        ("resources:", f"{MARK}: what stands behind the margins, in the reporting currency"),
        ("  insurance_fund: 0", ""),
        ("  skin_in_the_game: 0", ""),
        ("  # default_fund: 0", "left out: the sum of owners.default_fund_contribution"),
    ]
    limits = [
        ("limits:   # amber or red beyond a threshold; docs/limits-guide.md has the others, and how to write your own", ""),
        ("  - {name: Failed data checks, built_in: failed_checks, red: 0}", ""),
        ("  # - {name: Unshocked notional, built_in: unshocked_notional, amber: 0.1, red: 0.25}", "share that no scenario moves"),
        ("  # - {name: Fund covers two owners, built_in: cover_2_to_resources, amber: 0.8, red: 1.0}", "needs the resources above"),
        ("  # - {name: Shortfall of one account, built_in: account_shortfall, amber: 1_000_000, red: 5_000_000}", "in the reporting currency"),
    ]
    output = [("output: {folder: results, formats: [html, pdf, json]}", "each run makes a folder in here, unless --out names it")]
    text = _HEAD + with_remarks(lines) + with_remarks(resources) + with_remarks(limits) + with_remarks(output)
    return Draft(NAME, text, (*_to_set(stated), "resources: what stands behind the margins"))


_HEAD = """\
# What to compute, from where, to where. All keys: stresstest schema run, or docs/formats.md.
#   stresstest validate run.yaml                      checks snapshot, scenarios and margin file
#   stresstest run run.yaml --out results/first       writes tables and report
"""


def _stated(key: str, line: str, guessed: dict[str, str]) -> tuple[str, str]:
    return (line, f"{MARK}: {guessed[key]}") if key in guessed else (f"# {line}", f"stated by {DEFAULTS_FILE}; a value here must agree")


def _to_set(stated: Frame) -> Sequence[str]:
    values = {"as_of": f"{stated.as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "reporting_currency": named(stated.reporting_currency)}
    return [f"{key}: {values[key]} is a guess ({why.partition('; ')[2]})" for key, why in stated.guessed.items()]
