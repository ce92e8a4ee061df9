"""`cascade` and `waterfall` of the run file: what is read, where paths start, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stresstest.config import RunFile, keyword_overrides, load_run, settings_with
from stresstest.config.cascade import Cascade, CascadeFees
from stresstest.config.impact import ExponentialImpact, FromVolume, LinearImpact, NoImpact, SquareRootImpact, TableImpact
from stresstest.errors import ExitCode, StressTestError

NEEDED = "version: 1\nsnapshot: snap\nscenarios: [a.yaml]\nmargin: margin.yaml\n"


def load(tmp_path: Path, text: str, overrides: dict[str, Any] | None = None) -> RunFile:
    (tmp_path / "run.yaml").write_text(NEEDED + text)
    return load_run(tmp_path / "run.yaml", overrides)


def test_a_run_without_the_section_has_no_cascade(tmp_path: Path):
    run = load(tmp_path, "")
    assert (run.cascade, run.waterfall) == (None, None)


def test_defaults(tmp_path: Path):
    cascade = load(tmp_path, "cascade: {}\n").cascade
    assert cascade == Cascade(
        impact=(LinearImpact(kind="linear"),), policy="full", target_ratio=None, sequence="simultaneous",
        collateral_order=("settle", "haircut", "liquidity"), close_factor=1.0, fees=CascadeFees(), max_rounds=50, halt_rounds=0, detail=5,
        isolated=True, depth_multiples=(0.5, 2.0),
    )  # fmt: skip


def test_every_key_is_read(tmp_path: Path):
    run = load(tmp_path, """
cascade:
  impact:
    - {kind: linear, depth: {BTC: 1e9}, assets: [BTC, BNB]}
    - {kind: linear, slope: {ETH: 0.05}, assets: ETH}
    - {kind: linear, from_volume: {c: 0.3}, assets: [SOL]}
    - {kind: exponential, lambda: 1e-6, assets: [ADA]}
    - {kind: square_root, y: 0.7, daily_vol: {DOGE: 0.05}, assets: [DOGE]}
    - {kind: depth_table, table: books.csv, assets: [XRP]}
    - {kind: none}
  policy: worst_first
  target_ratio: 0.06
  fees: {liquidation: 0.005, insurance_share: 0.5, option_spread: 0.02, collateral_bonus: 0.05}
  detail: [crash, rally]
waterfall: [insurance_fund, default_fund, adl_queue]
""")  # fmt: skip
    assert run.cascade is not None
    assert run.cascade.impact == (
        LinearImpact(kind="linear", depth={"BTC": 1e9}, assets=("BTC", "BNB")),
        LinearImpact(kind="linear", slope={"ETH": 0.05}, assets=("ETH",)),
        LinearImpact(kind="linear", from_volume=FromVolume(c=0.3, horizon_days=20.0), assets=("SOL",)),
        ExponentialImpact(kind="exponential", decay=1e-6, assets=("ADA",)),
        SquareRootImpact(kind="square_root", y=0.7, daily_vol={"DOGE": 0.05}, assets=("DOGE",)),
        TableImpact(kind="depth_table", table=str(tmp_path / "books.csv"), assets=("XRP",)),
        NoImpact(kind="none"),
    )
    assert (run.cascade.policy, run.cascade.target_ratio, run.cascade.detail) == ("worst_first", 0.06, ("crash", "rally"))
    assert run.cascade.fees == CascadeFees(liquidation=0.005, insurance_share=0.5, option_spread=0.02, collateral_bonus=0.05)
    assert run.waterfall == ("insurance_fund", "default_fund", "adl_queue")


def test_settings_are_read_back_as_they_are_written(tmp_path: Path):
    run = load(tmp_path, "cascade: {impact: [{kind: exponential, lambda: {BTC: 1e-6}, assets: [BTC]}, {kind: none}]}\n")
    assert run.model_dump(mode="json")["cascade"]["impact"][0]["lambda"] == {"BTC": 1e-6}
    assert settings_with({"cascade.max_rounds": 20}, run).cascade == run.cascade.model_copy(update={"max_rounds": 20})
    assert RunFile.model_validate(run.model_dump(mode="json")).cascade == run.cascade


def test_a_value_laid_over_the_file_is_in_its_section(tmp_path: Path):
    run = load(tmp_path, "cascade: {policy: pro_rata, impact: {kind: linear, depth: 5}}\n", {"cascade.max_rounds": 20, "cascade.impact.depth": 7.0})
    assert run.cascade is not None
    assert (run.cascade.policy, run.cascade.max_rounds, run.cascade.impact) == ("pro_rata", 20, (LinearImpact(kind="linear", depth=7.0),))


def test_an_empty_section_of_a_call_asks_for_the_defaults_and_changes_no_others(tmp_path: Path):
    assert load(tmp_path, "", keyword_overrides({"cascade": {}})).cascade == Cascade()
    stated = load(tmp_path, "cascade: {policy: pro_rata}\n", keyword_overrides({"cascade": {}}))
    assert stated.cascade == Cascade(policy="pro_rata")


KINDS = "linear, exponential, square_root, depth_table, none"
LAYERS = "defaulter_margin, defaulter_contribution, insurance_fund, skin_in_the_game, default_fund, assessment, gains_haircut"

KEEP_ONE = "Keep one; other assets take another in an entry of their own, with `assets`."
PUT_LAST = "Name its `assets`, or put it last: the first entry that speaks of an asset counts."
STATE_IT = "State the margin balance over gross notional to restore, for example target_ratio: 0.06."
ONE_LAST = "Put it last; only one of gains_haircut, adl_queue, pro_rata can stand in a waterfall."


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("cascade: {impact: {kind: linear, depth: {BTC: 0}}}", ["cascade.impact.depth.BTC: must be above 0, not 0"]),
        ("cascade: {impact: {kind: linear, depth: .inf}}", ["cascade.impact.depth: must be a finite number, not inf"]),
        ("cascade: {impact: {kind: exponential, lambda: -1}}", ["cascade.impact.lambda: must be above 0, not -1"]),
        ("cascade: {impact: {kind: exponential}}", ["cascade.impact.lambda: `lambda` is missing. Add `lambda`."]),
        ("cascade: {impact: {kind: square_root, y: 0}}", ["cascade.impact.y: must be above 0, not 0"]),
        ("cascade: {impact: {kind: liner}}", [f"cascade.impact.kind: must be one of {KINDS}, not 'liner'. Did you mean `linear`?"]),
        ("cascade: {impact: {depth: 3}}", [f"cascade.impact: `kind` is missing. Kinds: {KINDS}."]),
        ("cascade: {impact: {kind: linear, dept: 3}}", ["cascade.impact.dept: unknown key `dept`. Did you mean `depth`?"]),
        ("cascade: {impact: {kind: none, table: x}}", ["cascade.impact.table: unknown key `table` for this kind. Only kind depth_table has it."]),
        ("cascade: {impact: []}", ["cascade.impact: an empty list says nothing. Write {kind: none} where sales move no price."]),
        (
            "cascade: {impact: {kind: linear, depth: 3, slope: {A: 1}}}",
            [f"cascade.impact.slope: stands beside `depth`, which says the same. {KEEP_ONE}"],
        ),
        (
            "cascade: {impact: [{kind: linear}, {kind: none}]}",
            [f"cascade.impact[0]: takes all assets, and entries follow it. {PUT_LAST}"],
        ),
        (
            "cascade: {impact: [{kind: linear, assets: [A], depth: {B: 2}}, {kind: none, assets: [B]}]}",
            ["cascade.impact[0].depth.B: is not among the `assets` of this impact: 'B'. Add it to `assets`, or remove it here."],
        ),
        (
            "cascade: {impact: [{kind: linear, assets: [A]}, {kind: none, assets: [B, A]}]}",
            ["cascade.impact[1].assets: 'A' stands in an entry before this one, which counts. Name every asset once."],
        ),
        (
            "cascade: {policy: partial_to_target}",
            [
                f"cascade.policy: aims at a `target_ratio`, which is missing. {STATE_IT}",
            ],
        ),
        (
            "cascade: {target_ratio: 0.1}",
            ["cascade.target_ratio: is no target of `policy: full`. Remove it; policies that have it: partial_to_target, worst_first."],
        ),
        (
            "cascade: {halt_rounds: 50}",
            ["cascade.halt_rounds: leaves no round in which anything is liquidated. Make it less than max_rounds, which is 50."],
        ),
        ("cascade: {max_rounds: 0}", ["cascade.max_rounds: must be at least 1, not 0"]),
        ("cascade: {rounds: 3}", ["cascade.rounds: unknown key `rounds`. Did you mean `max_rounds`?"]),
        (
            "cascade: {detail: [1, b]}",
            ["cascade.detail: must be a number of scenarios, `all`, or a list of their ids, not a list. Write for example 5, all, or [crash]."],
        ),
        ("cascade: {collateral_order: [settle, settle]}", ["cascade.collateral_order: settle stands twice. Write each once, in order."]),
        ("cascade: {close_factor: 0}", ["cascade.close_factor: must be above 0, not 0"]),
        ("cascade: {fees: {liquidation: 1}}", ["cascade.fees.liquidation: must be below 1, not 1"]),
        ("waterfall: [fund]", [f"waterfall[0]: must be one of {LAYERS}, adl_queue, pro_rata, not 'fund'"]),
        ("waterfall: []", [f"waterfall: an empty list pays for nothing. The usual order: {LAYERS}."]),
        (
            "waterfall: [gains_haircut, insurance_fund, insurance_fund, defaulter_margin, adl_queue]",
            [
                f"waterfall[0]: gains_haircut shares out whatever is left, and layers follow it. {ONE_LAST}",
                "waterfall[2]: insurance_fund stands twice. Write each layer once, in the order in which they pay.",
                "waterfall[3]: the defaulter's margin pays before anything else. Put it first: a loss is what it does not cover.",
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, line: str, told: list[str]):
    with pytest.raises(StressTestError) as caught:
        load(tmp_path, line)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert [fault.text().replace(f"{tmp_path}/run.yaml:5, ", "") for fault in caught.value.faults] == told
