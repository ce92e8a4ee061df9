"""Which schedules models give instruments and assets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from margin.explain_case import AS_OF, Case, Row

from stresstest.margin.haircut_bands import haircut_range
from stresstest.margin.haircut_clamps import haircut_clamps
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import Views, unmatched_entries, views_of

COIN: Row = {"price": 100.0, "asset_class": "crypto"}
ASSETS: dict[str, Row] = {
    "BTC": {**COIN, "margin_schedule": "own"}, "ETH": COIN, "WTI": {"price": 60.0, "asset_class": "commodity", "collateral_schedule": None},
}  # fmt: skip
PERPETUAL: Row = {"kind": "perpetual", "mark_price": 100.0, "payoff": "linear", "premium_style": "paid", "margin_schedule": "own"}
OPTION: Row = {
    **PERPETUAL, "kind": "option", "underlying": "BTC", "strike": 100.0, "mark_price": 5.0, "option_type": "call",
    "expiry": AS_OF + timedelta(days=30), "exercise": "european", "vol_type": "lognormal", "implied_vol": 0.5,
}  # fmt: skip
INSTRUMENTS: dict[str, Row] = {
    "BTC-CALL": OPTION, "BTC-PERP": {**PERPETUAL, "underlying": "BTC"}, "ETH-PERP": {**PERPETUAL, "underlying": "ETH"},
    "WTI-PERP": {**PERPETUAL, "underlying": "WTI", "margin_schedule": None},
}  # fmt: skip
AMOUNT: Row = {"amount_per_contract": 1.0}
BAND: Row = {"bands": [{"from": 0, "haircut": 0.2, "initial_haircut": 0.4}]}
GRID: Row = {"kind": "portfolio", "grid": [{"spot": -0.1}]}


def book(*used: str, **models: Row) -> Case:
    """A book with one account for each model named, all under `models`."""
    schedules = {
        "margin_schedules": dict.fromkeys(("own", "options", "coins", "rest"), AMOUNT),
        "collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.0}]}, "coin": BAND},
        "models": models,
    }
    return Case(ASSETS, INSTRUMENTS, schedules, {f"A{number}": {"margin_model": name} for number, name in enumerate(used)})


def views(*used: str, **models: Row) -> Views:
    case = book(*used, **models)
    return views_of(case.dimensions, case.rulebook)


OWN_MARGIN = ("own", "own", "own", None)
OWN_NETS = ("own", None, None, None)
OWN_COLLATERAL = ("par", "par", None, None)


def test_the_first_entry_that_an_instrument_passes_counts_and_then_the_snapshot():
    found = views(
        "m", m={"assign": [{"where": {"kind": "option"}, "margin_schedule": "options"}, {"where": {"asset": "BTC"}, "margin_schedule": "coins"}]}
    )
    assert found.of_model == {"default": 0, "m": 1}
    assert (found.views[0].margin, found.views[0].net, found.views[0].collateral) == (OWN_MARGIN, OWN_NETS, OWN_COLLATERAL)
    view = found.views[1]
    assert view.margin == ("options", "coins", "own", None)
    # The entry about options says nothing of a net of BTC: the second one does.
    assert view.net == ("coins", None, None, None)
    assert view.collateral == OWN_COLLATERAL


def test_an_entry_without_filter_is_about_everything():
    view = views("m", m={"assign": [{"margin_schedule": "rest"}], "assign_collateral": [{"collateral_schedule": "coin"}]}).views[1]
    assert (view.margin, view.net, view.collateral) == (("rest",) * 4, ("rest",) * 4, ("coin",) * 4)


@pytest.mark.parametrize(
    ("where", "given"),
    [
        ({"asset_class": "commodity"}, "WTI"),
        ({"not_asset": ["BTC", "WTI", "USD"]}, "ETH"),
        # Of an asset: that of the instruments on it.
        ({"risk_group": "BTC"}, "BTC"),
    ],
)
def test_assets_are_told_by_what_they_are(where: Row, given: str):
    view = views("m", m={"assign_collateral": [{"where": where, "collateral_schedule": "coin"}]}).views[1]
    assert [asset for asset, name in zip(("BTC", "ETH", "USD", "WTI"), view.collateral, strict=True) if name == "coin"] == [given]


def test_models_that_see_the_same_share_a_view_and_those_without_accounts_have_none():
    entry: Row = {"assign": [{"where": {"kind": "option"}, "margin_schedule": "options"}]}
    same: Row = {"assign": [{"where": {"option_type": "call"}, "margin_schedule": "options"}, {"where": {"asset": "SOL"}, "margin_schedule": "rest"}]}
    found = views("a", "b", "default", a=entry, b=same, unused={"assign": [{"margin_schedule": "rest"}]})
    assert (len(found.views), found.of_model) == (2, {"default": 0, "a": 1, "b": 1, "unused": 0})
    # What changes nothing needs no view.
    assert views("a", a={"assign": [{"where": {"asset": "BTC"}, "margin_schedule": "own"}]}).of_model == {"default": 0, "a": 0}


def test_hedges_are_without_haircut_unless_the_model_asks_for_both():
    hedges: Row = {**GRID, "hedges": {"ETH": None, "SOL": "ETH"}}
    assert views("pm", pm=hedges).views[1].without_haircut == (False, True, False, False)
    assert len(views("pm", pm={**hedges, "haircut_and_grid": True}).views) == 1


def test_entries_that_give_nothing_its_schedule_are_told():
    entries = [
        {"where": {"asset": "SOL"}, "margin_schedule": "rest"},
        {"margin_schedule": "rest"},
        {"where": {"asset": "BTC"}, "margin_schedule": "own"},
    ]
    model: Row = {"assign": entries, "assign_collateral": [{"where": {"asset": "SOL"}, "collateral_schedule": "coin"}]}
    case = book("m", m=model, unused=model)
    found = [(each.model, each.place, each.message) for each in unmatched_entries(case.dimensions, case.rulebook)]
    nothing = "none passes it, or earlier entries take them all."
    assert found == [
        ("m", "assign 1", f"gives no instrument of this book the schedule rest: {nothing}"),
        ("m", "assign 3", f"gives no instrument of this book the schedule own: {nothing}"),
        ("m", "assign_collateral 1", f"gives no asset of this book the schedule coin: {nothing}"),
    ]
    assert not any(each.of_preset for each in unmatched_entries(case.dimensions, case.rulebook))


def test_haircuts_are_those_of_every_schedule_that_an_asset_has():
    case = book("default", "m", m={"assign_collateral": [{"where": {"asset": "BTC"}, "collateral_schedule": "coin"}]})
    found = haircut_range(case.dimensions, case.rulebook)
    assert (found.lowest[0], found.highest[0], found.lowest[1], found.none.tolist()) == (0.0, 0.4, 0.0, [False, False, True, True])
    resolved = case.factors({"less": {"haircut": {"BTC": -0.1, "ETH": -0.1}}})[0]
    # `par` of both and nothing of `coin`, whose haircuts stay above zero.
    told = [notice.message for notice in haircut_clamps(case.dimensions, resolved, case.rulebook)]
    assert told == [f"1 stressed haircut of {asset} (bands of par, in 1 scenario) brought to between 0 and 1" for asset in ("BTC", "ETH")]


def test_a_hedge_without_haircut_has_none_to_clamp():
    case = book("pm", pm={**GRID, "hedges": ["ETH"]})
    resolved = case.factors({"less": {"haircut": {"BTC": -0.1, "ETH": -0.1}}})[0]
    assert [notice.factor for notice in haircut_clamps(case.dimensions, resolved, case.rulebook)] == ["haircut:BTC"]


def test_a_rulebook_without_accounts_of_a_model_is_not_looked_at():
    case = book("default")
    assert views_of(case.dimensions, Rulebook.model_validate({"models": {"m": {"kind": "tiered"}}})).of_model == {"default": 0, "m": 0}
