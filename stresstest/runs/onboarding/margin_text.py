"""The first margin file: a schedule for every name that the snapshot uses, with guesses for figures."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from stresstest.errors import counted
from stresstest.runs.onboarding.placeholders import MARK, Kinds
from stresstest.runs.onboarding.yaml_text import Draft, figure, listed, named, with_remarks
from stresstest.snapshot.survey import Survey

NAME = "margin.yaml"


def margin_draft(found: Survey, kinds: Kinds) -> Draft:
    """The margin file for all schedules and models that the snapshot names."""
    posted = found.assets.filter(pl.col("collateral_schedule").is_not_null())
    collateral = posted.group_by("collateral_schedule").agg("asset").sort("collateral_schedule")
    margin = _margin_users(found)
    text = _HEAD + _COLLATERAL + (" {}\n" if collateral.is_empty() else "\n")
    for schedule, assets in collateral.iter_rows():
        text += _collateral(schedule, sorted(assets), kinds)
    text += _MARGIN + ("\n" if margin else " {}\n")
    for schedule, users in margin.items():
        text += _margin(schedule, users, kinds)
    text += _MODELS + "".join(_model(*row) for row in found.models.iter_rows())
    return Draft(NAME, text, tuple(_to_set(collateral["collateral_schedule"].to_list(), list(margin), found.models["model"].to_list())))


_HEAD = """\
# Haircuts of collateral, requirements of positions, and the models that accounts name.
# Every figure marked "set this" is a guess, not your rulebook: severe, and the same for every venue. Rates and haircuts are decimals;
# initial figures say when an account is called, maintenance figures when it is liquidated.
# All keys: stresstest schema margin, or docs/formats.md; formulas: docs/methodology.md, section 4.
version: 1
name: Placeholder margin rules
source: placeholders of stresstest init, not a rulebook
"""
_COLLATERAL = """
# What posted collateral counts for. A band's haircut applies to the part of the balance from its threshold (reporting currency) to the next;
# a second one could be {from: 1_000_000, haircut: 0.50, initial_haircut: 0.60}. liability_weight: what a borrowed unit counts for.
collateral_schedules:"""
_MARGIN = """
# What positions need. A tier's rate applies to the part of the notional from its threshold to the next; a second one could be
# {from: 1_000_000, maintenance_rate: 0.20, initial_rate: 0.40}. Where the venue asks an amount: amount_per_contract instead of tiers.
# A short option needs per unit max(rate * underlying - out-of-the-money amount, minimum * underlying); a long one nothing.
margin_schedules:"""
_MODELS = """
# How an account's positions and collateral are added up; accounts.margin_model names one of these.
models:
"""


def _collateral(schedule: str, assets: list[str], kinds: Kinds) -> str:
    guess = kinds.worst(assets)
    lines = [
        (f"  {named(schedule)}:", listed(assets)),
        ("    bands:", ""),
        (f"      - {{from: 0, haircut: {figure(guess.haircut[0])}, initial_haircut: {figure(guess.haircut[1])}}}", MARK),
    ]
    if guess.liability != (1.0, 1.0):
        pair = f"{{maintenance: {figure(guess.liability[0])}, initial: {figure(guess.liability[1])}}}"
        lines.append((f"    liability_weight: {pair}", MARK))
    return with_remarks(lines)


_Users = tuple[list[str], list[str]]
"""Underlyings (of instruments) or assets (under models that net by underlying), and kinds of instruments."""


def _margin_users(found: Survey) -> dict[str, _Users]:
    users: dict[str, _Users] = {}
    instruments = [(row["margin_schedule"], row["underlying"], row["kind"]) for row in found.instruments.iter_rows(named=True)]
    assets = [(row["margin_schedule"], row["asset"], "net") for row in found.assets.iter_rows(named=True)]
    for schedule, underlying, kind in (*instruments, *assets):
        if schedule is not None:
            underlyings, kinds = users.setdefault(schedule, ([], []))
            if underlying not in underlyings:
                underlyings.append(underlying)
            if kind not in kinds:
                kinds.append(kind)
    return dict(sorted(users.items()))


def _margin(schedule: str, users: _Users, kinds: Kinds) -> str:
    underlyings, of = users
    guess = kinds.worst(each for each in underlyings if each != kinds.reporting_currency)
    what = " and ".join({"spot": "spot", "option": "options", "net": "nets by underlying"}.get(kind, f"{kind}s") for kind in of)
    lines = [
        (f"  {named(schedule)}:", f"{what} on {listed(underlyings)}"),
        ("    tiers:", ""),
        (f"      - {{from: 0, maintenance_rate: {figure(guess.rate[0])}, initial_rate: {figure(guess.rate[1])}}}", MARK),
    ]
    if "option" in of:
        lines.append(("    short_option:", ""))
        for number, version in enumerate(("maintenance", "initial")):
            lines.append((f"      {version}: {{rate: {figure(guess.short[number])}, minimum: {figure(guess.short_minimum[number])}}}", MARK))
    return with_remarks(lines)


def _model(model: str, accounts: int, nets: bool) -> str:
    how = "underlying" if nets else "instrument"
    why = "some instruments have no schedule, their underlyings have one" if nets else "underlying: long and short of one underlying net first"
    return with_remarks(
        [
            (f"  {named(model)}:", counted(accounts, "account")),
            ("    kind: tiered", ""),
            (f"    net_by: {how}", f"{MARK}; {why}"),
            ("    pnl_into: settle_balance", f"{MARK}; value: unrealised P&L counts without the settle asset's haircut"),
            ("    positive_pnl_weight: {maintenance: 1.0, initial: 1.0}", f"{MARK}; 0: unrealised gains do not count"),
            ("    long_option_credit: 0.0", f"{MARK}; share of a long option's value that counts"),
            ("    breach_at_equality: false", ""),
        ]
    )


def _to_set(collateral: list[str], margin: list[str], models: list[str]) -> Iterator[str]:
    for names, one, what in (
        (collateral, "collateral schedule", "haircuts"), (margin, "margin schedule", "rates"), (models, "model", "netting and P&L"),
    ):  # fmt: skip
        if names:
            yield f"{what} of {counted(len(names), one)}: {listed(names)}"
