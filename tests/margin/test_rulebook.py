"""The margin file: what it may say, and how what is wrong in it is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresstest.documents import document_of, parse
from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.margin.rulebook import Rulebook, TieredModel, load_rulebook
from stresstest.scenarios.names import MarginNames

SHARED = Path(__file__).parents[2] / "../shared/data"


def _rulebook(text: str) -> Rulebook:
    return parse(Rulebook, document_of(text, "margin.yaml", Reason.MARGIN_FILE), Reason.MARGIN_FILE)


def _faults(text: str) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _rulebook(text)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    return [fault.text().removeprefix("margin.yaml:") for fault in caught.value.faults]


FULL = """
version: 1
collateral_schedules:
  usdc: {bands: [{from: 0, haircut: 0.0}]}
  btc:
    source: house
    as_of: 2026-10-01
    basis: value
    bands:
      - {from: 0,          haircut: 0.05, initial_haircut: 0.08}
      - {from: 10_000_000, haircut: 0.15}
      - {from: 50_000_000, haircut: 1.0}
    liability_weight: {maintenance: 1.10, initial: 1.20}
margin_schedules:
  majors:
    currency: USD
    convention: marginal
    tiers:
      - {from: 0,         maintenance_rate: 0.004, initial_rate: 0.008}
      - {from: 1_000_000, maintenance_rate: 0.010, initial_rate: 0.020}
    amount_per_contract: null
    max_notional: 5e7
    above_max: refuse
    short_option: {maintenance: {rate: 0.10, minimum: 0.05}, initial: {rate: 0.15, minimum: 0.10}, base: strike}
  cum:
    convention: deduction
    basis: contracts
    tiers:
      - {from: 0, maintenance_rate: 0.01, initial_rate: 0.02, maintenance_deduction: 0, initial_deduction: 0}
      - {from: 10, maintenance_rate: 0.02, initial_rate: 0.04, maintenance_deduction: 0.1, initial_deduction: 0.2}
  per_lot: {amount_per_contract: {maintenance: 1000, initial: 1100}}
models:
  retail: {kind: tiered, net_by: underlying, spread_rate: 0.002, pnl_into: value, positive_pnl_weight: {maintenance: 1.0, initial: 0.5},
           positive_pnl_cap: {maintenance: null, initial: 1e6}, long_option_credit: 0.5, breach_at_equality: true}
"""


def test_everything_of_a_tiered_margin_file_is_read() -> None:
    book = _rulebook(FULL)
    btc = book.collateral_schedules["btc"]
    assert [(band.from_, band.haircut, band.initial) for band in btc.bands] == [(0, 0.05, 0.08), (1e7, 0.15, 0.15), (5e7, 1.0, 1.0)]
    assert (btc.liability_weight.maintenance, btc.liability_weight.initial) == (1.1, 1.2)
    assert (btc.basis, btc.currency, btc.source, btc.as_of) == ("value", None, "house", "2026-10-01")
    usdc = book.collateral_schedules["usdc"]
    assert (usdc.liability_weight.maintenance, usdc.liability_weight.initial) == (1.0, 1.0)
    majors = book.margin_schedules["majors"]
    assert (majors.currency, majors.basis, majors.convention, majors.max_notional, majors.above_max) == ("USD", "value", "marginal", 5e7, "refuse")
    assert [(tier.from_, tier.maintenance_rate, tier.initial_rate) for tier in majors.tiers] == [(0, 0.004, 0.008), (1e6, 0.01, 0.02)]
    assert majors.short_option is not None
    assert (majors.short_option.initial.rate, majors.short_option.initial.minimum, majors.short_option.base) == (0.15, 0.10, "strike")
    assert book.margin_schedules["cum"].tiers[1].initial_deduction == 0.2
    amount = book.margin_schedules["per_lot"].amount_per_contract
    assert amount is not None
    assert (amount.maintenance, amount.initial) == (1000, 1100)
    retail = book.models["retail"]
    assert (retail.net_by, retail.pnl_into, retail.breach_at_equality) == ("underlying", "value", True)
    assert (retail.spread_rate.maintenance, retail.spread_rate.initial) == (0.002, 0.002)
    assert (retail.positive_pnl_weight.maintenance, retail.positive_pnl_weight.initial) == (1.0, 0.5)
    assert (retail.positive_pnl_cap.maintenance, retail.positive_pnl_cap.initial) == (None, 1e6)
    assert (retail.long_option_credit.maintenance, retail.long_option_credit.initial) == (0.5, 0.5)


def test_the_default_model_exists_even_where_the_file_has_none() -> None:
    default = _rulebook("version: 1").models["default"]
    assert default == TieredModel()
    assert (default.net_by, default.pnl_into, default.breach_at_equality) == ("instrument", "settle_balance", False)
    assert default.long_option_credit.maintenance == 0.0
    assert _rulebook("models: {default: {net_by: underlying}}").models["default"].net_by == "underlying"


def test_names_that_scenarios_may_shock() -> None:
    assert _rulebook(FULL).margin_names() == MarginNames(("majors", "cum", "per_lot"), ("default", "retail"))


@pytest.mark.parametrize(("bands", "fault"), [
    ("[]", "1, collateral_schedules.x.bands: has no rows. Give at least the one from 0."),
    ("[{from: 5, haircut: 0}]", "1, collateral_schedules.x.bands[0].from: the first threshold must be 0, not 5. Say what holds from zero on."),
    ("[{from: 0, haircut: 0}, {from: 0, haircut: 1}]",
     "1, collateral_schedules.x.bands[1].from: thresholds must rise: 0 follows 0. Sort the rows by `from` and keep each threshold once."),
    ("[{from: 0, haircut: 1.01}]", "1, collateral_schedules.x.bands[0].haircut: must be at most 1, not 1.01"),
    ("[{from: 0, haircut: -0.1}]", "1, collateral_schedules.x.bands[0].haircut: must be at least 0, not -0.1"),
    ("[{from: 0}]", "1, collateral_schedules.x.bands[0].haircut: `haircut` is missing. Add `haircut`."),
    ("[{from: 0, haircut: '0.1'}]", "1, collateral_schedules.x.bands[0].haircut: must be a number, not '0.1'. Write it without quotes."),
    ("[{from: 0, haircut: .nan}]", "1, collateral_schedules.x.bands[0].haircut: must be a finite number, not nan"),
    ("[{from: 0, hairct: 0, haircut: 0}]", "1, collateral_schedules.x.bands[0].hairct: unknown key `hairct`. Did you mean `haircut`?"),
])  # fmt: skip
def test_faults_of_bands(bands: str, fault: str) -> None:
    assert _faults("collateral_schedules: {x: {bands: " + bands + "}}") == [fault]


TIER = "{from: 0, maintenance_rate: 0.1, initial_rate: 0.2}"


@pytest.mark.parametrize(("schedule", "fault"), [
    ("{}", "1, margin_schedules.x: the schedule asks for nothing. Give `tiers`, `amount_per_contract` or `short_option`."),
    ("{tiers: [" + TIER + "], amount_per_contract: 5}", "1, margin_schedules.x.amount_per_contract: is given beside `tiers`. Keep one of the two."),
    ("{convention: deduction, tiers: [{from: 0, maintenance_rate: 0.1, initial_rate: 0.2, initial_deduction: 0}]}",
     ("1, margin_schedules.x.tiers[0]: `maintenance_deduction` is missing, which `convention: deduction` needs. "
      "Give the amount that the venue publishes (often `cum`); 0 in the first tier.")),
    ("{tiers: [{from: 0, maintenance_rate: 0.1, initial_rate: 0.2, initial_deduction: 0}]}",
     "1, margin_schedules.x.tiers[0].initial_deduction: has no meaning with `convention: marginal`. Set `convention: deduction`, or remove it."),
    ("{tiers: [" + TIER + "], above_max: refuse}",
     "1, margin_schedules.x.above_max: `refuse` needs `max_notional`, which is missing. Give `max_notional`, or let `above_max` be `extend`."),
    ("{tiers: [" + TIER + "], max_notional: 0}", "1, margin_schedules.x.max_notional: must be above 0, not 0"),
    ("{tiers: [{from: 0, maintenance_rate: -0.1, initial_rate: 0.2}]}",
     "1, margin_schedules.x.tiers[0].maintenance_rate: must be at least 0, not -0.1"),
    ("{tiers: [" + TIER + "], convention: margnal}",
     "1, margin_schedules.x.convention: must be one of marginal, deduction, whole, not 'margnal'. Did you mean `marginal`?"),
    ("{short_option: {maintenance: {rate: 0.1}, initial: {rate: 0.1, minimum: 0.1}}}",
     "1, margin_schedules.x.short_option.maintenance.minimum: `minimum` is missing. Add `minimum`."),
])  # fmt: skip
def test_faults_of_margin_schedules(schedule: str, fault: str) -> None:
    assert _faults("margin_schedules: {x: " + schedule + "}") == [fault]


@pytest.mark.parametrize(("text", "fault"), [
    ("collateral_schedules: {x: {basis: quantity, currency: EUR, bands: [{from: 0, haircut: 0}]}}",
     "1, collateral_schedules.x.currency: thresholds in units of the asset have no currency. Remove `currency`."),
    ("collateral_schedules: {x: {bands: [{from: 0, haircut: 0}], liability_weight: {maintenance: 1.1}}}",
     "1, collateral_schedules.x.liability_weight.initial: `initial` is missing. Add `initial`."),
    ("models: {m: {positive_pnl_weight: 1.5}}", "1, models.m.positive_pnl_weight: must be at most 1, not 1.5"),
    ("models: {m: {breach_at_equality: 1}}", "1, models.m.breach_at_equality: must be true or false, not 1"),
    ("models: {m: {assign: [{margin_schedule: majors}]}}",
     "1, models.m.assign[0].margin_schedule: no margin schedule `majors` in this file. Define it under `margin_schedules`."),
    ("{margin_schedules: {majors: {tiers: [" + TIER + "]}}, models: {m: {assign: [{margin_schedule: major}]}}}",
     "1, models.m.assign[0].margin_schedule: no margin schedule `major` in this file. Did you mean `majors`?"),
    ("models: {m: {assign_collateral: [{where: {asset: BTC}, collateral_schedule: btc}]}}",
     ("1, models.m.assign_collateral[0].collateral_schedule: no collateral schedule `btc` in this file. "
      "Define it under `collateral_schedules`.")),
    ("models: {m: {assign: [{where: {location: x}, margin_schedule: majors}]}}",
     ("1, models.m.assign[0].where.location: instruments cannot be filtered by `location`. Filters there: asset, not_asset, asset_class, "
      "may_be_negative, tags, not_tags, kind, option_type, risk_group, tenor_days, log_moneyness.")),
    ("models: {m: {assign_collateral: [{where: {kind: spot}, collateral_schedule: btc}]}}",
     ("1, models.m.assign_collateral[0].where.kind: assets cannot be filtered by `kind`. Filters there: asset, not_asset, asset_class, "
      "may_be_negative, tags, not_tags, risk_group.")),
    ("version: 2", "1, version: format version 2: not in this version. This release reads version 1."),
    ("version: true", "1, version: must be 1, not true. Write `version: 1`."),
    ("model: {}", "1, model: unknown key `model`. Did you mean `models`?"),
])  # fmt: skip
def test_faults_elsewhere(text: str, fault: str) -> None:
    assert fault in _faults(text)


def test_all_faults_come_at_once() -> None:
    text = """
collateral_schedules:
  x: {bands: [{from: 0, haircut: 2}, {from: -1, haircut: 0}]}
margin_schedules:
  y: {}
models:
  z: {kind: tired}
"""
    assert [fault.split(",")[0] for fault in _faults(text)] == ["3", "3", "5", "7"]


def test_a_version_to_come_is_refused_as_such() -> None:
    with pytest.raises(StressTestError) as caught:
        _rulebook("version: 2")
    assert caught.value.reason is Reason.NOT_IN_THIS_VERSION


@pytest.mark.skipif(not SHARED.exists(), reason="recorded data is not here")
@pytest.mark.parametrize("name", ["hyperliquid_2026_01_14", "mango_2021_10_04"])
def test_recorded_margin_files_load(name: str) -> None:
    assert load_rulebook(SHARED / name / "margin.yaml").models["default"].kind == "tiered"
