"""Models of kind portfolio: what a margin file may say of them, and how what is wrong is reported."""

from __future__ import annotations

import pytest

from stresstest.documents import document_of, parse
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import PortfolioModel, Rulebook

GRID = "grid: [{spot: -0.15, vol: 0.4}, {spot: 0.15}]"


def _rulebook(text: str) -> Rulebook:
    return parse(Rulebook, document_of(text, "margin.yaml", Reason.MARGIN_FILE), Reason.MARGIN_FILE)


def _model(text: str) -> PortfolioModel:
    model = _rulebook("models: {pm: {kind: portfolio, " + text + "}}").models["pm"]
    assert isinstance(model, PortfolioModel)
    return model


def _faults(text: str) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _model(text)
    return [fault.text().removeprefix("margin.yaml:1, models.pm") for fault in caught.value.faults]


def test_defaults_of_a_portfolio_model() -> None:
    model = _model(GRID)
    assert (model.long_option_credit.maintenance, model.loss_factor.initial, model.vol_shift, model.hedges) == (1.0, 1.0, "relative", {})
    assert model.row_names == ("spot -15 % vol +40 %", "spot +15 %")
    assert _rulebook("models: {pm: {kind: portfolio, " + GRID + "}}").margin_names().other_models == ("pm",)


def test_hedges_are_a_list_or_name_their_group() -> None:
    assert _model(GRID + ", hedges: [BTC, ETH]").hedges == {"BTC": None, "ETH": None}
    assert _model(GRID + ", hedges: {RSWETH: ETH}").hedges == {"RSWETH": "ETH"}


@pytest.mark.parametrize(("text", "fault"), [
    ("grid: []", ".grid: has no rows. Give at least the one from 0."),
    ("grid: [{spot: -0.1, scan: 1}]", ".grid[0].scan: is given beside `spot`. Keep one of the two."),
    ("grid: [{vol: 0.1, vol_scan: 1}]", ".grid[0]: moves vols in two ways. Keep one of `vol`, `vol_scan` and `skew`."),
    ("grid: [{spot: -1}]", ".grid[0].spot: must be above -1, not -1"),
    ("grid: [{spt: -0.1}]", ".grid[0].spt: unknown key `spt`. Did you mean `spot`?"),
    ("grid: [{scan: 1}]", ".grid[0]: multiplies a scan range, and there are none. Give `scan_ranges`."),
    ("grid: [{skew: linear}]", ".grid[0].skew: needs `skew` of the model, which is missing. Say how skew shifts vols."),
    ("grid: [{forward: [-0.05, 0.05]}]",
     ".grid[0].forward: two moves need a rule for each expiry. Set `expiries: losses`, so that each expiry takes the worse of the two."),
    ("grid: [{spot: 0.1}, {spot: 0.1}]", ".grid[1]: is a second row spot +10 %. Give the rows names that differ."),
    (GRID + ", offsets: [{groups: [A, B], rate: 0.3}, {groups: [B, C], rate: 0.3}]",
     ".offsets[1].groups: risk group B is listed twice. Each risk group offsets within one list."),
    (GRID + ", offsets: [{groups: [A, B], rate: 0.3}], correlation: {}", ".correlation: is given beside `offsets`. Groups come together in one way."),
    (GRID + ", add_ons: [{name: a}]", ".add_ons[0]: add-on a has no rate. Give one of `rate`, `amount` and `tiers`."),
    (GRID + ", add_ons: [{name: a, rate: 0.1, of: contracts}]",
     ".add_ons[0].of: `of: contracts` and `amount` belong together. Give both or neither."),
    (GRID + ", add_ons: [{name: a, rate: 0.1, loss_factor: true, combine: floor}]",
     ".add_ons[0].loss_factor: multiplies lines that are added; a floor lies under what is multiplied. Remove `loss_factor`, or multiply the rate."),
    (GRID + ", add_ons: [{name: a, rate: 0.1}, {name: a, rate: 0.1}]",
     ".add_ons[1].name: is a second add-on a. Each line of a result needs a name of its own."),
    (GRID + ", add_ons: [{name: a, tiers: [{from: 0, maintenance_rate: 0.1, initial_rate: 0.1}], basis: days, net: risk_group}]",
     ".add_ons[0].basis: days of what a risk group trades: its underlyings have a volume each. Net by underlying or less, and leave `part` out."),
    (GRID + ", net_by: underlying", ".net_by: unknown key `net_by` for this kind. Only kind tiered has it."),
])  # fmt: skip
def test_faults_of_portfolio_models(text: str, fault: str) -> None:
    found = _faults(text)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(StressTestError) as caught:
        _rulebook("models: {pm: {kind: portfollio, grid: []}}")
    assert [fault.text() for fault in caught.value.faults] == [
        "margin.yaml:1, models.pm.kind: must be one of tiered, portfolio, strategy, not 'portfollio'. Did you mean `portfolio`?"
    ]
