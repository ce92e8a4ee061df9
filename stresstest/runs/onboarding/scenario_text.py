"""The first scenario file: falls and rises of what the snapshot holds, and losses of where it is held."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from stresstest.errors import counted
from stresstest.runs.onboarding.placeholders import MARK, STABLECOIN, Kinds
from stresstest.runs.onboarding.yaml_text import Draft, figure, listed, named, with_remarks
from stresstest.snapshot.survey import Survey

NAME = "scenarios.yaml"
_MOST_ALONE = 3
_MOST_LOCATIONS = 5
_RATES_UP = 0.02
_DISCOUNT = 0.10
_HAIRCUTS_UP = 0.10
_MARGINS_UP = 1.5


@dataclass(frozen=True)
class _Shock:
    factor: str
    shift: str
    value: float
    where: dict[str, str] = field(default_factory=dict)
    remark: str = MARK

    def line(self) -> tuple[str, str]:
        where = f"where: {{{', '.join(f'{key}: {value}' for key, value in self.where.items())}}}, " if self.where else ""
        return f"      - {{factor: {_quoted(self.factor)}, {where}{self.shift}: {figure(self.value)}}}", self.remark


@dataclass(frozen=True)
class _Scenario:
    id: str
    name: str
    shocks: tuple[_Shock, ...]
    family: str = "hypothetical"

    def text(self) -> str:
        head = f"\n  - id: {named(self.id)}\n    name: {named(self.name)}\n    family: {self.family}\n"
        return f"{head}    source: placeholder of stresstest init\n    shocks:\n" + with_remarks(shock.line() for shock in self.shocks)


def _quoted(factor: str) -> str:
    """Always in quotation marks: `spot:*` would be read as something else without them."""
    text = named(factor)
    return text if text.startswith('"') else f'"{text}"'


def scenario_draft(found: Survey, kinds: Kinds) -> Draft:
    """The scenario file: every shock in it meets something in the snapshot."""
    taken: set[str] = set()
    scenarios = [_with_id(each, taken) for each in _scenarios(found, kinds)]
    underlyings = _underlyings(found)
    about = f"# Underlyings, largest first: {listed(underlyings, 12)}.\n" if underlyings else ""
    text = _HEAD.replace("ABOUT\n", about) + "".join(each.text() for each in scenarios)
    return Draft(NAME, text, (f"sizes of the shocks in {counted(len(scenarios), 'scenario')}",))


_HEAD = """\
# Scenarios for what this snapshot holds, beside the libraries that run.yaml names. Every size marked "set this" is a guess, about the worst day of
# its class. base, the snapshot as it is, is always computed.
# A shock moves a factor: relative x(1+v), absolute x+v, scale x*v, replace v. Of several that meet one factor the first wins: special before general.
# All keys: stresstest schema scenarios, or docs/formats.md. One of them in full: stresstest scenarios show scenarios.yaml --id market_down
ABOUT
version: 1
name: First set
source: placeholders of stresstest init
scenarios:
"""


def _with_id(scenario: _Scenario, taken: set[str]) -> _Scenario:
    plain = re.sub(r"[^a-z0-9_.-]+", "_", scenario.id.lower()).strip("_") or "scenario"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name)
    return _Scenario(name, scenario.name, scenario.shocks, scenario.family)


def _underlyings(found: Survey) -> list[str]:
    held = found.instruments.filter(pl.col("positions") > 0).group_by("underlying").agg(pl.col("gross").sum())
    return held.sort("gross", "underlying", descending=[True, False], nulls_last=True)["underlying"].to_list()


def _scenarios(found: Survey, kinds: Kinds) -> Iterator[_Scenario]:
    used = found.assets.filter((pl.col("held") | pl.col("underlies") | pl.col("settles")) & (pl.col("asset") != kinds.reporting_currency))
    moves = {name: move for name in used["asset_class"].drop_nulls().unique().sort() if (move := _class_move(name, used, kinds)) is not None}
    last, rise = _unclassed_move(used, kinds)
    options = found.instruments.filter((pl.col("kind") == "option") & (pl.col("positions") > 0))["underlying"].unique().to_list()
    vols = [name for name in moves if any(kinds.of.get(asset) == name for asset in options)]
    vol = tuple(_Shock("vol:*", "relative", kinds.guess(name).vol, {"asset_class": named(name)}) for name in vols)
    if moves or last:
        yield _Scenario("market_down", "Everything falls at once", (*(shock for down, _ in moves.values() for shock in down), *last, *vol))
        yield _Scenario("market_up", "Everything rises at once", (*(shock for _, up in moves.values() for shock in up), *rise))
    if len(moves) > 1:
        for name, (down, up) in moves.items():
            yield _Scenario(f"{name}_down", f"{name} alone falls", down)
            yield _Scenario(f"{name}_up", f"{name} alone rises", up)
    if vol:
        yield _Scenario("vol_up", "Vols rise and prices stay", vol)
    for asset in _underlyings(found)[:_MOST_ALONE]:
        if asset != kinds.reporting_currency:
            yield _Scenario(f"{asset}_down", f"{asset} alone falls", (_Shock(f"spot:{asset}", "relative", kinds.worst([asset]).down),), "sensitivity")
            yield _Scenario(f"{asset}_up", f"{asset} alone rises", (_Shock(f"spot:{asset}", "relative", kinds.worst([asset]).up),), "sensitivity")
    for asset in used.filter(pl.col("held") | pl.col("settles"))["asset"].to_list():
        if kinds.of[asset] == STABLECOIN:
            shocks = (_Shock(f"spot:{asset}", "relative", kinds.guess(STABLECOIN).down),)
            yield _Scenario(f"{asset}_depeg", f"{asset} loses its peg", shocks)
    yield from _of_the_venue(found, used)


_Moves = tuple[tuple[_Shock, ...], tuple[_Shock, ...]]
"""Shocks down, and up."""


def _apart(assets: pl.DataFrame, kinds: Kinds) -> tuple[_Shock, ...]:
    """What is taken for a stablecoin stays where it is, whatever moves the assets around it."""
    names = [asset for asset in kinds.suspected if asset in set(assets["asset"])]
    return tuple(_Shock(f"spot:{asset}", "relative", 0.0, remark="taken for a stablecoin: tag it in assets.tags") for asset in names)


def _unclassed_move(used: pl.DataFrame, kinds: Kinds) -> _Moves:
    """The last shocks of a scenario in which everything moves: for assets that no shock by class has met; none without such."""
    unclassed = used.filter(pl.col("asset_class").is_null())
    if all(kinds.of[asset] == STABLECOIN for asset in unclassed["asset"]):
        return (), ()
    apart, guess, remark = _apart(unclassed, kinds), kinds.guess(""), f"{MARK}: assets without asset_class"
    return (*apart, _Shock("spot:*", "relative", guess.down, remark=remark)), (*apart, _Shock("spot:*", "relative", guess.up, remark=remark))


def _class_move(name: str, used: pl.DataFrame, kinds: Kinds) -> _Moves | None:
    """The shocks by which a class falls and rises; None where nothing of it would move but stablecoins."""
    of_class = used.filter(pl.col("asset_class") == name)
    moving = of_class.filter(pl.col("asset").replace_strict(kinds.of, default="") != STABLECOIN)
    if moving.is_empty():
        return None
    where = {"asset_class": named(name)}
    if of_class["tags"].list.contains(STABLECOIN).any():
        where["not_tags"] = f"[{STABLECOIN}]"
    if moving["has_duration"].all():  # bonds: their price follows their rate
        return (_Shock("rate:*", "absolute", _RATES_UP, where),), (_Shock("rate:*", "absolute", -_RATES_UP, where),)
    guess = kinds.guess(name)
    down, up = guess.down, guess.up
    if not {kinds.priced_in(currency) for currency in moving["price_currency"]} & {"cash", "fx", STABLECOIN}:
        down, up = -_DISCOUNT, _DISCOUNT  # priced in something that moves itself, as staked coins are
    apart = _apart(of_class, kinds)
    return (*apart, _Shock("spot:*", "relative", down, where)), (*apart, _Shock("spot:*", "relative", up, where))


def _of_the_venue(found: Survey, used: pl.DataFrame) -> Iterator[_Scenario]:
    """Losses of custodians, and harder margin rules."""
    for place in found.locations[:_MOST_LOCATIONS]:
        shock = _Shock("holding:*", "replace", 0.0, {"location": named(place)}, f"{MARK}: the share that is recovered")
        yield _Scenario(f"loss_of_{place}", f"What is held at {place} is lost", (shock,), "operational")
    if not used.filter(pl.col("collateral_schedule").is_not_null()).is_empty():
        yield _Scenario("haircuts_up", "All haircuts rise by ten points", (_Shock("haircut:*", "absolute", _HAIRCUTS_UP),), "operational")
    if not (found.instruments["margin_schedule"].is_null().all() and used["margin_schedule"].is_null().all()):
        yield _Scenario("margins_up", "All margin rates rise by half", (_Shock("margin_rate:*", "scale", _MARGINS_UP),), "operational")
