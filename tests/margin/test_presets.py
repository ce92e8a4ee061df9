"""Shipped margin models: what each says, against figures typed from its source, and how a margin file takes them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from published.listed_options import RULES
from published.typed_portfolios import FILES
from published.typed_tokens_and_options import FILES as MORE_FILES

from stresstest.documents import document_of, parse
from stresstest.errors import Reason, StressTestError
from stresstest.margin.plausibility import plausibility
from stresstest.margin.rulebook import PortfolioModel, Rulebook, StrategyModel, TieredModel, file_of_preset, load_rulebook, presets

BRACKETS = Path(__file__).parents[2] / "../shared/data/market/binance_usdm_brackets_2024-10-17.csv"


def _rulebook(text: str) -> Rulebook:
    return parse(Rulebook, document_of(text, "margin.yaml", Reason.MARGIN_FILE), Reason.MARGIN_FILE)


def _faults(text: str) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _rulebook(text)
    return [fault.text().removeprefix("margin.yaml:") for fault in caught.value.faults]


def _portfolio(preset: str) -> PortfolioModel:
    model = load_rulebook(file_of_preset(preset)).models[preset]
    assert isinstance(model, PortfolioModel)
    return model


@pytest.mark.parametrize("preset", presets())
def test_a_preset_is_a_margin_file_that_says_where_it_comes_from(preset: str) -> None:
    rulebook = load_rulebook(file_of_preset(preset))
    assert list(rulebook.models) == ["default", preset]
    assert rulebook.name
    assert rulebook.source
    assert rulebook.as_of
    assert rulebook.notes
    assert plausibility(rulebook) == ()


@pytest.mark.parametrize("preset", presets())
def test_a_preset_written_out_says_the_same(preset: str) -> None:
    taken = _rulebook(f"models: {{mine: {{preset: {preset}}}}}")
    alone = load_rulebook(file_of_preset(preset))
    model = taken.models["mine"]
    assert model.preset == preset
    assert (model.source, model.as_of, model.notes) == (alone.source, alone.as_of, alone.notes)
    assert set(taken.margin_schedules) == {f"{preset}/{name}" for name in alone.margin_schedules}
    assert set(taken.collateral_schedules) == {f"{preset}/{name}" for name in alone.collateral_schedules}
    assert [each.margin_schedule for each in model.assign] == [f"{preset}/{each.margin_schedule}" for each in alone.models[preset].assign]
    own = {"preset", "source", "as_of", "notes", "assign", "assign_collateral"}
    assert model.model_dump(exclude=own) == alone.models[preset].model_dump(exclude=own)
    written = json.loads(json.dumps(taken.model_dump(mode="json", by_alias=True)))
    again = Rulebook.model_validate(written)
    assert again.models["mine"].preset is None
    assert again.model_dump() == taken.model_dump()


def test_keys_beside_preset_replace_those_of_the_preset() -> None:
    text = "models: {mine: {preset: span16, scan_ranges: [{spot: 0.2}], loss_factor: 1.5, source: ours}}"
    mine = _rulebook(text).models["mine"]
    assert isinstance(mine, PortfolioModel)
    assert (mine.scan_ranges[0].spot.up, mine.scan_ranges[0].vol, mine.loss_factor.initial, mine.source) == (0.2, 0.0, 1.5, "ours")
    assert mine.grid == _portfolio("span16").grid
    assert mine.as_of == "2010"


def test_a_preset_may_state_its_kind_and_be_given_schedules_of_the_file() -> None:
    text = """
margin_schedules: {majors: {tiers: [{from: 0, maintenance_rate: 0.1, initial_rate: 0.2}]}}
models: {pm: {kind: portfolio, preset: tims, assign: [{where: {risk_group: BTC}, margin_schedule: majors}]}}
"""
    rulebook = _rulebook(text)
    assert [each.margin_schedule for each in rulebook.models["pm"].assign] == ["majors"]
    assert [each.collateral_schedule for each in rulebook.models["pm"].assign_collateral] == ["tims/market_value"]
    jsonschema.validate(document_of(text, "margin.yaml", Reason.MARGIN_FILE).data, Rulebook.model_json_schema(), jsonschema.Draft202012Validator)


def test_a_file_may_define_a_schedule_of_a_preset_itself() -> None:
    text = """
margin_schedules: {hyperliquid/flat_10x: {tiers: [{from: 0, maintenance_rate: 0.1, initial_rate: 0.2}]}}
models: {default: {kind: tiered, preset: hyperliquid}}
"""
    rulebook = _rulebook(text)
    assert rulebook.margin_schedules["hyperliquid/flat_10x"].tiers[0].initial_rate == 0.2
    assert rulebook.margin_schedules["hyperliquid/tiered_40x"].tiers[0].initial_rate == 0.025


def test_faults_of_presets_stand_at_their_lines() -> None:
    text = """
models:
  one:
    preset: timss
  two:
    kind: strategy
    preset: paradex
  three:
    preset: okx
    loss_factr: 2
  four:
    preset: aave
    net_by: nothing
"""
    faults = _faults(text)
    assert [fault.split(",")[0] for fault in faults] == ["10", "13", "4", "6"]
    assert "Did you mean `loss_factor`?" in faults[0]
    assert "there is no preset `timss`" in faults[2]
    assert "Did you mean `tims`?" in faults[2]
    assert "preset `paradex` is of kind portfolio, not strategy" in faults[3]


# ---------------------------------------------------------------- figures, typed from the sources that the presets name


def _moves(preset: str) -> list[tuple[float, float, float]]:
    return [(row.spot or 0.0, row.vol or 0.0, row.weight) for row in _portfolio(preset).grid if not row.forward and not row.skew]


def test_the_ten_points_of_tims() -> None:
    model = _portfolio("tims")
    high, other, equity = (each.spot for each in model.scan_ranges)
    scans = [row.scan or 0.0 for row in model.grid]
    # FINRA Rule 4210(g): +6 % / -8 %, +-10 %, +-15 %; OCC: ten equidistant points.
    assert [(high.down, high.up), (other.down, other.up), (equity.down, equity.up)] == [(0.08, 0.06), (0.10, 0.10), (0.15, 0.15)]
    points = [scan * (high.down if scan < 0 else high.up) for scan in scans]
    assert points == pytest.approx([-0.08, -0.064, -0.048, -0.032, -0.016, 0.012, 0.024, 0.036, 0.048, 0.06])


def test_the_sixteen_scenarios_of_span() -> None:
    rows = [(row.scan or 0.0, row.vol_scan or 0.0, row.weight) for row in _portfolio("span16").grid]
    third = 1.0 / 3.0
    core = [(move, vol, 1.0) for move in (0.0, third, -third, 2 * third, -2 * third, 1.0, -1.0) for vol in (1.0, -1.0)]
    assert rows == [*[(pytest.approx(move), vol, weight) for move, vol, weight in core], (3.0, 0.0, 0.32), (-3.0, 0.0, 0.32)]


EXTREME = [(-0.66, 0.24), (-0.33, 0.48), (0.5, 0.32), (1.0, 0.16), (2.0, 0.08), (3.0, 0.0533), (4.0, 0.04), (5.0, 0.032)]
"""Paradex docs, "Portfolio Margin": extreme spot shocks and their weights."""


def test_the_twenty_four_rows_of_paradex() -> None:
    core = [(0.0, 0.40), (0.0, -0.22)]
    for move in (0.04, 0.08, 0.12):
        core += [(sign * move, vol) for sign in (1.0, -1.0) for vol in (0.40, -0.22)]
    core += [(0.16, 0.40), (-0.16, 0.40)]
    assert len(core) == 16
    assert sorted(_moves("paradex")) == sorted([*((*row, 1.0) for row in core), *((move, 0.40, weight) for move, weight in EXTREME)])


def test_the_nine_by_three_of_deribit_and_its_extended_table() -> None:
    grid = [(0.04 * bucket, vol, 1.0) for bucket in range(-4, 5) for vol in (0.38, 0.0, -0.38)]
    rows = sorted(_moves("deribit"))
    wanted = sorted([*grid, *((move, 0.38, weight) for move, weight in EXTREME)])
    assert rows == [tuple(pytest.approx(figure, abs=1e-12) for figure in row) for row in wanted]


def _derive(preset: str, rules: dict[str, Any]) -> None:
    """Everything but the grid and the confidence of collateral, against a published parameter set."""
    model = _portfolio(preset)
    term, discount = model.vol_term, model.expiry_discount
    assert term is not None
    assert discount is not None
    assert (term.reference_days, term.power, term.power_long) == (rules["term_pivot_days"], rules["short_term_power"], rules["long_term_power"])
    assert (model.loss_factor.maintenance, model.loss_factor.initial) == (rules["mm_factor"], rules["im_factor"])
    assert model.loss_factor_depeg is not None
    assert (model.loss_factor_depeg.threshold, model.loss_factor_depeg.factor) == (rules["peg_loss_threshold"], rules["peg_loss_factor"])
    basis = model.grid[-1]
    assert basis.forward == pytest.approx((rules["basis_spot_up"] - 1.0, rules["basis_spot_down"] - 1.0))
    assert (basis.weight, basis.weight_per_year) == (rules["basis_add_factor"], rules["basis_mult_factor"])
    (confidence,) = (line for line in model.add_ons if line.name == "confidence")
    assert confidence.rate is not None
    assert (confidence.confidence_below, confidence.rate.initial) == (rules["confidence_threshold"], rules["confidence_margin"])


def test_derives_first_manager_has_the_published_parameters() -> None:
    file = FILES["derive_pmrm1"]
    rules = file["parameter_sets"]["portfolio_suite"]
    _derive("derive_pmrm", rules)
    vols = {"up": rules["vol_range_up"], "none": 0.0, "down": -rules["vol_range_down"]}
    wanted = [(pytest.approx(row["spot_mult"] - 1.0, abs=1e-12), vols[row["vol"]], 1.0) for row in file["scenario_grid"]]
    assert _moves("derive_pmrm") == wanted
    rates = {line.name: line.rate.maintenance for line in _portfolio("derive_pmrm").add_ons if line.rate is not None}
    asked = [rules[f"{name}_contingency_pct"] for name in ("perp", "base", "option")]
    assert [rates["perpetual"], rates["base"], rates["short options"]] == asked


def test_derives_second_manager_has_the_published_parameters() -> None:
    file = FILES["derive_pmrm2"]
    rules, model = file["parameter_sets"]["Q01"], _portfolio("derive_pmrm2")
    _derive("derive_pmrm2", rules)
    vols = {"up": rules["vol_range_up"], "none": 0.0, "down": -rules["vol_range_down"]}
    wanted = [(pytest.approx(move - 1.0, abs=1e-12), vols[vol], pytest.approx(weight)) for move, vol, weight in file["scenario_sets"]["S01"][:-2]]
    assert _moves("derive_pmrm2") == wanted
    skew, discount = model.skew, model.expiry_discount
    assert skew is not None
    assert discount is not None
    assert discount.negative is not None
    assert (skew.linear.base, skew.linear.slope) == (rules["skew_linear_cap_base"], rules["skew_linear_cap_slope"])
    assert (skew.absolute.base, skew.absolute.slope) == (rules["skew_abs_cap_base"], rules["skew_abs_cap_slope"])
    shape = [rules[f"skew_{key}"] for key in ("width_scale", "vol_param_static", "vol_param_scale", "min_k_star")]
    assert [skew.width, skew.static, skew.scale, skew.min_width] == shape
    assert (discount.positive.base, discount.positive.rate_multiple, discount.positive.rate_add) == (0.95, 1.0, 0.08)
    assert (discount.negative.base, discount.negative.rate_multiple, discount.negative.rate_add) == (1.04, 0.5, 0.08)
    assert model.vol_floor.up == rules["min_vol_after_up_shock"]


def test_derives_standard_manager_has_the_published_parameters() -> None:
    rules = MORE_FILES["derive_standard"]["parameter_sets"]["portfolio_suite"]
    rulebook = load_rulebook(file_of_preset("derive_standard"))
    model, option, oracle, depeg = rulebook.models["derive_standard"], rules["option"], rules["oracle"], rules["depeg"]
    assert isinstance(model, StrategyModel)
    put, call = model.naked_shorts
    assert (put.maintenance.minimum, put.maintenance.of_value, put.initial_multiple) == (
        option["mm_put_spot_req"],
        option["mm_put_mtm_req"],
        option["put_im_over_mm"],
    )
    assert (call.maintenance.minimum, call.maintenance.of_value, call.initial_multiple) == (option["mm_call_spot_req"], 0.0, 0.0)
    for short in (put, call):
        assert (short.maintenance.rate, short.initial.rate, short.initial.minimum) == (0.0, option["max_spot_req"], option["min_spot_req"])
    assert (model.unpaired_scale.maintenance, model.unpaired_scale.initial) == (option["unpaired_mm_scale"], option["unpaired_im_scale"])
    (tier,) = rulebook.margin_schedules["delta_one"].tiers
    assert (tier.maintenance_rate, tier.initial_rate) == (rules["perp_mm"], rules["perp_im"])
    assert rulebook.collateral_schedules["base"].bands[0].haircut == pytest.approx(1.0 - rules["base_weight"])
    for line in model.add_ons:
        assert line.rate is not None
        assert line.rate.maintenance == 0.0
        if line.depeg is None:
            assert (line.confidence_below, line.rate.initial) == (oracle["perp_threshold"], oracle["factor"])
        else:
            assert (line.depeg.threshold, line.depeg.factor, line.rate.initial) == (depeg["threshold"], depeg["factor"], 1.0)


def test_cboes_rules_are_those_by_which_its_published_cases_run() -> None:
    """But for the tags that tell underlyings apart."""
    ours = load_rulebook(file_of_preset("cboe")).models["cboe"]
    published = Rulebook.model_validate({"models": {"published": RULES}}).models["published"]
    assert isinstance(ours, StrategyModel)
    assert isinstance(published, StrategyModel)
    assert (ours.shares, ours.long_options, ours.round_to, ours.recognition) == (
        published.shares,
        published.long_options,
        published.round_to,
        published.recognition,
    )
    for mine, theirs in zip(ours.naked_shorts, published.naked_shorts, strict=True):
        assert mine.model_dump(exclude={"where"}) == theirs.model_dump(exclude={"where"})
        assert (mine.where and (mine.where.option_type, bool(mine.where.tags))) == (
            theirs.where and (theirs.where.option_type, bool(theirs.where.tags))
        )


@pytest.mark.skipif(not BRACKETS.exists(), reason="the recorded brackets are not here")
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_binances_brackets_are_those_of_the_day(coin: str) -> None:
    with BRACKETS.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"] == f"{coin}/USDT:USDT"]
    rulebook = load_rulebook(file_of_preset("binance"))
    assert isinstance(rulebook.models["binance"], TieredModel)
    schedule = rulebook.margin_schedules[f"{coin.lower()}usdt"]
    for tier, row in zip(schedule.tiers, rows, strict=True):
        assert (tier.from_, tier.maintenance_rate, tier.maintenance_deduction) == tuple(
            float(row[key]) for key in ("notional_floor", "maint_margin_ratio", "cum")
        )
        assert tier.initial_rate == pytest.approx(1.0 / float(row["initial_leverage"]), rel=1e-15)
    assert schedule.max_notional == float(rows[-1]["notional_cap"])
