"""What changed between two runs: every input's part of it, from the stored tables and by computing again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import stresstest
from stresstest.errors import Reason, StressTestError
from stresstest.results import integrity
from stresstest.results.changes import STEPS, read_changes
from stresstest.runs.console import Silent
from stresstest.runs.difference import exchanging
from stresstest.runs.difference.comparable import engine_now, finished
from stresstest.runs.difference.diffing import difference_of

pytestmark = pytest.mark.usefixtures("made_once")


@pytest.fixture(autouse=True, scope="module")
def without_report_tables() -> Iterator[None]:
    """No second look at the small books of this module, which takes as long as all else and is compared with nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("stresstest.runs.pipeline.SMALL_BOOK", -1)
        yield


SAMPLE = Path(__file__).parents[2] / "sample_data"
MARGIN = {
    "version": 1,
    "collateral_schedules": {"cash": {"bands": [{"from": 0, "haircut": 0.0}]}},
    "margin_schedules": {"majors": {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.10}]}},
}
DEARER = {**MARGIN, "margin_schedules": {"majors": {"tiers": [{"from": 0, "maintenance_rate": 0.08, "initial_rate": 0.10}]}}}


def crash(by: float) -> dict[str, Any]:
    scenarios = [{"id": "crash", "family": "historical", "source": "made up", "shocks": [{"factor": "spot:BTC", "relative": -by}]}]
    return {"version": 1, "name": "one crash", "scenarios": scenarios}


def book(
    sizes: tuple[float, ...] = (1, 2, 3), cash: tuple[float, ...] = (10, 20, 30), price: float = 100, contract: float = 1
) -> dict[str, pl.DataFrame]:
    """Account k is long `sizes[k]` contracts entered at 100 dollars, with `cash[k]` dollars."""
    names = [f"a{number}" for number in range(1, len(sizes) + 1)]
    return {
        "accounts": pl.DataFrame({"account_id": names}),
        "positions": pl.DataFrame({"account_id": names, "instrument_id": "BTC-PERP", "quantity": [float(x) for x in sizes], "entry_price": 100.0}),
        "collateral": pl.DataFrame({"account_id": names, "asset": "USD", "quantity": [float(x) for x in cash]}),
        "instruments": pl.DataFrame(
            {"instrument_id": ["BTC-PERP"], "kind": ["perpetual"], "underlying": ["BTC"], "quote": ["USD"], "mark_price": [float(price)],
             "margin_schedule": ["majors"], "contract_size": [float(contract)]}
        ),
        "assets": pl.DataFrame(
            {"asset": ["BTC", "USD"], "price": [float(price), 1.0], "asset_class": ["crypto", "cash"], "collateral_schedule": [None, "cash"]}
        ),
    }  # fmt: skip


Make = Callable[..., stresstest.FinishedRun]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a run of the book, once for the same arguments."""
    kept: dict[str, stresstest.FinishedRun] = {}

    def run(
        margin: Mapping[str, Any] = MARGIN,
        by: float = 0.5,
        as_of: str = "2026-11-19T16:00:00Z",
        frames: Any = None,
        scenarios: Mapping[str, Any] | None = None,
        **of_book: Any,
    ) -> Any:
        key = repr((margin, by, as_of, of_book, frames, scenarios))
        if key not in kept:
            snapshot = frames if frames is not None else book(**of_book)
            folder = tmp_path_factory.mktemp("run") / "out"
            kept[key] = stresstest.run(
                snapshot=snapshot,
                margin=margin,
                scenarios=scenarios or crash(by),
                as_of=as_of,
                reporting_currency="USD",
                out=folder,
                output={"formats": ["json"]},
            )
        return kept[key]

    return run


def way(found: stresstest.Difference, figure: str = "worst_margin_shortfall") -> dict[str, float | None]:
    return {step.step: step.change for step in next(each for each in found.changes.figures if each.figure == figure).steps}


# By hand: in `crash` account k loses 50 of every 100 dollars a contract. With n contracts and c dollars its equity is c - 50 n and its requirement
# 2.5 n, so it is short of 52.5 n - c: 42.5, 85 and 127.5 dollars, 255 together. What each change adds is worked out beside it in the same way.
ALONE = [
    ("positions", {"sizes": (1, 2, 4)}, 52.5),  # the fourth contract of a3, without cash
    ("collateral", {"cash": (10, 20, 60)}, -30.0),
    ("market", {"price": 90}, 28.5),  # at 45: loss 55 n, requirement 2.25 n: 57.25 n - c
    ("reference data", {"contract": 2}, 315.0),  # every contract twice: 105 n - c
    ("scenario set", {"by": 0.6}, 57.0),  # at 40: loss 60 n, requirement 2 n: 62 n - c
    ("margin parameters", {"margin": DEARER}, 9.0),  # requirement 4 n
]


@pytest.mark.parametrize(("step", "changed", "expected"), ALONE, ids=[step for step, _, _ in ALONE])
def test_where_one_input_changed_the_whole_change_is_its_step(make: Make, step: str, changed: dict[str, Any], expected: float):
    found = stresstest.diff(make(), make(**changed))
    assert way(found) == {**dict.fromkeys(STEPS, 0.0), step: pytest.approx(expected, rel=1e-12)}
    for figure in found.changes.figures:
        assert [each.change for each in figure.steps if each.step != step] == [0.0] * 6
        assert next(each for each in figure.steps if each.step == step).change == figure.change
    assert {each.step: each.known for each in found.changes.steps} == {**dict.fromkeys(STEPS, "unchanged"), step: "measured"}


def test_where_everything_changed_each_step_is_what_it_makes_after_those_before_it(make: Make):
    after = make(sizes=(1, 2, 4), cash=(10, 20, 60), price=90, contract=2, by=0.6, margin=DEARER, as_of="2026-11-20T16:00:00Z")
    found = stresstest.diff(make(), after)
    # 255; 307.5 with the fourth contract; 277.5 with more cash; at 90, crash to 45: 57.25 * 7 - 90 = 310.75; contracts twice: 114.5 * 7 - 90 = 711.5;
    # crash to 36: 2 * (64 + 1.8) * 7 - 90 = 831.2; rate 8 %: 2 * (64 + 2.88) * 7 - 90 = 846.32.
    levels = [255.0, 255.0, 307.5, 277.5, 310.75, 711.5, 831.2, 846.32]
    steps = next(each for each in found.changes.figures if each.figure == "worst_margin_shortfall").steps
    assert [step.step for step in steps] == list(STEPS)
    assert [step.before for step in steps] == pytest.approx(levels[:-1], rel=1e-12)
    assert [step.after for step in steps] == pytest.approx(levels[1:], rel=1e-12)
    assert found.changes.computed_again
    for figure in found.changes.figures:
        assert [step.after for step in figure.steps[:-1]] == [step.before for step in figure.steps[1:]]
        assert (figure.steps[0].before, figure.steps[-1].after) == (figure.before, figure.after)


def test_the_last_state_is_the_later_run_to_the_bit(make: Make):
    """What `chain` takes as given, where the same code computed both: the whole exchange is the later run."""
    one, two = (finished(run.folder) for run in (make(), make(sizes=(1, 2, 4), price=90, by=0.6, as_of="2026-11-20T16:00:00Z")))
    before, after = exchanging._snapshot_of(one), exchanging._snapshot_of(two)
    assert exchanging.evaluate(exchanging._state(one, two, before, after, frozenset()), "first", Silent()) == one.figures
    assert exchanging.evaluate(exchanging._state(one, two, before, after, frozenset(STEPS)), "last", Silent()) == two.figures


def test_an_account_that_comes_brings_its_collateral(make: Make):
    found = stresstest.diff(make(), make(sizes=(1, 2, 3, 4), cash=(10, 20, 30, 40)))
    assert way(found) == {**dict.fromkeys(STEPS, 0.0), "positions": pytest.approx(170.0)}  # 52.5 * 4 - 40
    assert way(found, "base_collateral_value")["positions"] == 40.0
    assert found.accounts.select("account_id", "presence", "breach").rows() == [("a4", "came", "new")]
    gone = stresstest.diff(make(sizes=(1, 2, 3, 4), cash=(10, 20, 30, 40)), make())
    assert way(gone)["positions"] == pytest.approx(-170.0)
    assert gone.accounts.select("account_id", "presence", "breach").rows() == [("a4", "gone", "cured")]


def test_a_new_instrument_is_as_in_the_later_snapshot_until_its_step_and_it_says_so(make: Make):
    frames = book(price=90)
    instruments = pl.concat([frames["instruments"], frames["instruments"].with_columns(instrument_id=pl.lit("BTC-NEXT"))])
    positions = frames["positions"].with_columns(instrument_id=pl.lit("BTC-NEXT"))
    found = stresstest.diff(make(), make(frames={**frames, "instruments": instruments, "positions": positions}))
    step = next(each for each in found.changes.steps if each.step == "positions")
    assert step.note == "instruments that the earlier snapshot lacks are as in the later one: BTC-NEXT"
    assert sum(change or 0.0 for change in way(found).values()) == pytest.approx(28.5)


def test_scenarios_made_of_the_history_move_with_the_market(make: Make):
    """A fall by 20 % in the history, and since by 50 %: with n contracts and c dollars, 24 n - c and 52.5 n - c."""

    def past(*values: float) -> pl.DataFrame:
        days = [date(2026, 11, 17 + number) for number in range(len(values))]
        return pl.DataFrame({"date": days, "factor": "spot:BTC", "value": [float(value) for value in values]})

    replay = {"version": 1, "generators": [{"kind": "historical", "id": "replay", "headline": True}]}
    earlier = make(frames={**book(), "history": past(100, 80)}, scenarios=replay)
    later = make(frames={**book(sizes=(1, 2, 4)), "history": past(100, 80, 40)}, scenarios=replay)
    found = stresstest.diff(earlier, later)
    assert way(found) == {**dict.fromkeys(STEPS, 0.0), "positions": pytest.approx(24.0), "market": pytest.approx(28.5 * 7)}


def test_a_mixture_that_is_refused_leaves_its_change_to_the_next_step(make: Make):
    schedules = {**MARGIN["margin_schedules"], "minors": {"tiers": [{"from": 0, "maintenance_rate": 0.08, "initial_rate": 0.10}]}}  # type: ignore[dict-item]
    frames = book(sizes=(1, 2, 4))
    frames["instruments"] = frames["instruments"].with_columns(margin_schedule=pl.lit("minors"))
    found = stresstest.diff(make(), make(frames=frames, margin={**MARGIN, "margin_schedules": schedules}))
    assert {each.step: each.known for each in found.changes.steps} == {
        **dict.fromkeys(STEPS, "unchanged"), "positions": "measured", "reference data": "with the next", "margin parameters": "measured",
    }  # fmt: skip
    assert way(found)["reference data"] is None
    assert way(found)["margin parameters"] == pytest.approx(1.5 * 7)  # requirement 4 n instead of 2.5 n, of 7 contracts
    note = next(each.note for each in found.changes.steps if each.step == "reference data")
    assert note.startswith("cannot stand by itself: the snapshot is refused")
    assert "instruments.margin_schedule: " in note
    assert "/" not in note, "no path of this machine"


def test_figures_that_something_else_computed_are_computed_again_first(make: Make, monkeypatch: pytest.MonkeyPatch):
    one, two = finished(make().folder), finished(make(sizes=(1, 2, 4)).folder)
    other = {**engine_now(), "numpy": "0.0"}
    monkeypatch.setattr(exchanging, "engine_now", lambda: other)
    found = difference_of(replace(one, engine={**one.engine, "code": "another"}), two, Silent())
    assert [(each.step, each.known) for each in found.changes.steps if each.known != "unchanged"] == [
        ("code version", "measured"),
        ("positions", "measured"),
    ]
    assert way(found) == {**dict.fromkeys(STEPS, 0.0), "positions": pytest.approx(52.5)}


def test_what_is_left_to_the_later_run_as_stored_is_said(make: Make, monkeypatch: pytest.MonkeyPatch):
    one, two = finished(make().folder), finished(make(sizes=(1, 2, 4)).folder)
    later = replace(two, engine={**two.engine, "code": "another"})
    later.__dict__["figures"] = {name: None if value is None else value + 1.0 for name, value in two.figures.items()}
    monkeypatch.setattr(exchanging, "engine_now", lambda: one.engine)
    found = difference_of(one, later, Silent())
    assert way(found) == {**dict.fromkeys(STEPS, 0.0), "positions": pytest.approx(52.5), "rest": 1.0}
    assert found.changes.steps[-1].note == "the later run was computed with other code than now"
    assert found.figures.filter(step="rest").height == len(found.changes.figures)


# ---------------------------------------------------------------- without the snapshots


def moved(run: stresstest.FinishedRun, folder: Path) -> stresstest.FinishedRun:
    """A copy of a run whose snapshot is gone."""
    shutil.copytree(run.folder, folder)
    shutil.rmtree(folder / "inputs" / "snapshot")
    return stresstest.open_run(folder)


def test_without_a_snapshot_the_stored_hashes_say_what_they_can(make: Make, tmp_path: Path):
    found = stresstest.diff(make(), moved(make(sizes=(1, 2, 4), price=90), tmp_path / "moved"))
    assert not found.changes.computed_again
    assert found.changes.notes[0].startswith("Nothing was computed again: ")
    assert "no such folder (snapshot). The split" in found.changes.notes[0]
    assert {each.step: each.known for each in found.changes.steps} == {
        **dict.fromkeys(STEPS, "unchanged"), "positions": "not known", "market": "not known", "reference data": "not known",
    }  # fmt: skip
    assert way(found)["positions"] is None
    assert way(found)["collateral"] == 0.0
    assert found.changes.breaches is not None
    assert found.changes.breaches.worse == 3


def test_an_input_that_changed_alone_needs_no_snapshot(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exchanging, "evaluate", lambda *_: pytest.fail("nothing is to be computed"))
    found = stresstest.diff(make(), moved(make(sizes=(1, 2, 4)), tmp_path / "moved"))
    assert way(found) == {**dict.fromkeys(STEPS, 0.0), "positions": pytest.approx(52.5)}
    assert (found.changes.notes, found.changes.computed_again) == ((), False)


def test_nothing_is_computed_again_where_that_is_not_wanted(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exchanging, "evaluate", lambda *_: pytest.fail("nothing is to be computed"))
    found = stresstest.diff(make(), make(price=90), chain=False)
    assert found.changes.notes == ("Nothing was computed again, as asked: the split is what the stored hashes of the inputs can say.",)
    assert way(found)["market"] is None


def test_a_snapshot_that_is_named_must_be_that_of_the_run(make: Make, tmp_path: Path):
    wrong = stresstest.Snapshot(book(price=91)).write(tmp_path / "wrong")
    with pytest.raises(StressTestError) as refused:
        stresstest.diff(make(), make(price=90), snapshot2=wrong)
    assert refused.value.reason is Reason.INPUT_DATA
    assert [fault.table for fault in refused.value.faults] == ["assets", "instruments"]


def test_a_snapshot_can_be_elsewhere(make: Make, tmp_path: Path):
    elsewhere = stresstest.Snapshot(book(sizes=(1, 2, 4), price=90)).write(tmp_path / "elsewhere")
    gone = moved(make(sizes=(1, 2, 4), price=90), tmp_path / "moved")
    found = stresstest.diff(make(), gone, snapshot2=elsewhere)
    assert found.changes.computed_again
    assert way(found)["positions"] == pytest.approx(52.5)


def test_runs_in_two_currencies_are_refused(make: Make):
    one, two = finished(make().folder), finished(make(price=90).folder)
    two.stated.specification["reporting_currency"] = "EUR"
    with pytest.raises(StressTestError, match="the runs report in USD and EUR") as refused:
        difference_of(one, two, Silent())
    assert refused.value.reason is Reason.USAGE


def test_a_run_of_another_version_is_compared_where_its_tables_can_be_read(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A table that the comparison does not read may have other columns: what changed between versions is one of the questions."""
    monkeypatch.setattr("stresstest.runs.pipeline.SMALL_BOOK", 10)
    older = stresstest.run(make(), out=tmp_path / "older").folder
    table = older / "segment_summary.parquet"
    pl.read_parquet(table).drop("pnl").write_parquet(table)
    stated = json.loads((older / "result.json").read_text())
    stated["tables"]["segment_summary"] = hashlib.sha256(table.read_bytes()).hexdigest()
    (older / "result.json").write_text(json.dumps(stated))
    with pytest.raises(StressTestError, match="not as its run left it"):
        integrity.intact(older)
    assert way(stresstest.diff(older, make(sizes=(1, 2, 4))))["positions"] == pytest.approx(52.5)


def test_a_run_that_was_changed_is_refused(make: Make, tmp_path: Path):
    changed = tmp_path / "changed"
    shutil.copytree(make().folder, changed)
    (changed / "summary.json").write_text("{}")
    with pytest.raises(StressTestError, match="not as its run left it"):
        stresstest.diff(changed, make())


# ---------------------------------------------------------------- the sample, and a run that is set against another


def sample_day(day: str) -> stresstest.Snapshot:
    """A day of the sample with every fifteenth account."""
    whole = stresstest.read_snapshot(SAMPLE / day)
    chosen = whole["accounts"].gather_every(15)["account_id"].to_list()
    fewer = {name: whole[name].filter(pl.col("account_id").is_in(chosen)) for name in ("accounts", "positions", "collateral")}
    return whole.replace(**fewer)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[stresstest.FinishedRun, stresstest.FinishedRun]:
    """Two days of the sample, the second set against the first by way of a history."""
    folder = tmp_path_factory.mktemp("days")
    settings: dict[str, Any] = {"output": {"formats": ["json"]}, "history": folder / "history", "book": "sample"}
    first = stresstest.run(SAMPLE / "run-2026-11-12.yaml", snapshot=sample_day("2026-11-12"), out=folder / "first", **settings)
    second = stresstest.run(SAMPLE / "run.yaml", snapshot=sample_day("2026-11-13"), out=folder / "second", against="previous", **settings)
    return first, second


def test_the_steps_of_two_days_lead_from_the_one_to_the_other(days: tuple[stresstest.FinishedRun, stresstest.FinishedRun]):
    stored = read_changes(days[1].folder)
    assert stored is not None
    assert stored.before is not None
    assert (stored.before.result_id, stored.after.result_id) == (days[0].result_id, days[1].result_id)
    for figure in stored.figures:
        assert [step.after for step in figure.steps[:-1]] == [step.before for step in figure.steps[1:]]
        assert (figure.steps[0].before, figure.steps[-1].after) == (figure.before, figure.after)
    measured = [each.step for each in stored.steps if each.known == "measured"]
    assert measured == ["positions", "collateral", "market"]


def test_a_step_is_the_difference_of_two_runs(days: tuple[stresstest.FinishedRun, stresstest.FinishedRun]):
    """`positions` of the two days, from a run that the test puts together by itself: no account came or went, nothing new was listed."""
    earlier, later = sample_day("2026-11-12"), sample_day("2026-11-13")
    assert "orders" not in later
    mixed = stresstest.run(days[0], snapshot=earlier.replace(positions=later["positions"])).summary
    stored = read_changes(days[1].folder)
    assert stored is not None
    reached = {figure.figure: next(step.after for step in figure.steps if step.step == "positions") for figure in stored.figures}
    assert mixed.worst is not None
    assert reached["worst_margin_shortfall"] == mixed.worst.margin_shortfall
    assert reached["gross_notional"] == mixed.counts.gross_notional
    assert reached["base_equity"] == mixed.base.equity
    assert reached["cover_2_stress_loss_over_margin"] == mixed.cover["stress_loss_over_margin"].cover_2.amount
    assert [reached[f"worst_accounts_{status}"] for status in mixed.worst.accounts] == list(mixed.worst.accounts.values())


def test_the_same_runs_have_the_same_differences_to_the_byte(days: tuple[stresstest.FinishedRun, stresstest.FinishedRun], tmp_path: Path):
    stresstest.diff(*days, threads=1).write(tmp_path)
    for name in ("changes.json", "changes.parquet", "changed_accounts.parquet"):
        assert (days[1].folder / name).read_bytes() == (tmp_path / name).read_bytes(), "the run itself used all cores"


def test_what_a_run_learned_is_no_part_of_its_result_and_is_guarded(days: tuple[stresstest.FinishedRun, stresstest.FinishedRun], tmp_path: Path):
    alone = stresstest.run(days[1], book="sample")
    assert alone.result_id == days[1].result_id
    assert "changes" not in alone.tables
    assert {"changes", "changed_accounts"} <= set(days[1].tables)
    copy = tmp_path / "copy"
    shutil.copytree(days[1].folder, copy)
    document = json.loads((copy / "changes.json").read_text())
    (copy / "changes.json").write_text(json.dumps({**document, "notes": ["all is well"]}))
    with pytest.raises(StressTestError) as refused:
        finished(copy)
    assert [fault.file for fault in refused.value.faults] == [str(copy / "changes.json")]


def test_a_first_run_says_that_there_is_nothing_to_compare_with(make: Make, tmp_path: Path):
    run = stresstest.run(make(), out=tmp_path / "run", history=tmp_path / "history", against="previous", book="B")
    stored = read_changes(run.folder)
    assert stored is not None
    assert stored.before is None
    assert stored.notes == ("The history has no earlier run of the book B: there is nothing to compare this one with.",)
    assert run.table("changes").height == run.table("changed_accounts").height == 0


def test_an_earlier_run_that_is_gone_does_not_keep_this_one_from_its_figures(make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    settings: dict[str, Any] = {"history": tmp_path / "history", "book": "B"}
    first = stresstest.run(make(), out=tmp_path / "first", **settings)
    shutil.rmtree(first.folder)
    second = stresstest.run(make(), out=tmp_path / "second", as_of="2026-11-20T16:00:00Z", against="previous", **settings)
    stored = read_changes(second.folder)
    assert stored is not None
    assert stored.before is None
    assert stored.notes[0].startswith("The earlier run cannot be compared with: this is not the folder of a finished run")
    assert stored.notes[0] in caplog.text


def test_a_run_set_against_a_folder(make: Make, tmp_path: Path):
    run = stresstest.run(make(sizes=(1, 2, 4)), out=tmp_path / "run", against=make().folder)
    assert run.table("changes").filter(figure="worst_margin_shortfall", step="positions")["change"].to_list() == pytest.approx([52.5])


def test_without_a_history_nobody_knows_the_previous_run(make: Make, tmp_path: Path):
    run = stresstest.run(make(), out=tmp_path / "run", against="previous")
    stored = read_changes(run.folder)
    assert stored is not None
    assert stored.notes[0].startswith("No history is kept")


def test_a_run_that_is_set_against_nothing_is_refused_before_it_begins(make: Make):
    with pytest.raises(StressTestError, match="no run to set this one against") as refused:
        stresstest.plan(make(), against="nowhere")
    assert refused.value.reason is Reason.CONFIGURATION
    assert refused.value.faults[0].what.startswith("is no finished run: ")


def test_a_finished_run_that_was_set_against_none_is_not_the_answer(make: Make, tmp_path: Path):
    settings: dict[str, Any] = {"out": tmp_path / "run"}
    stresstest.run(make(), **settings)
    with pytest.raises(StressTestError) as refused:
        stresstest.run(make(), against=make(price=90).folder, **settings)
    assert "not set against an earlier run" in refused.value.faults[0].what
    stresstest.run(make(), against=make(price=90).folder, force=True, **settings)
    assert stresstest.run(make(), against=make(price=90).folder, **settings).repeated
