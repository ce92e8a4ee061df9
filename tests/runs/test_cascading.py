"""Runs whose scenarios are followed through liquidations. Figures are those of `references/cascade_reverse.md` (T9, C6), worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from generated.books import write_book
from runs.test_pipeline import Interrupting
from stress.cascade.books import four_longs
from stress.small_book import CASH, Row, coin, rows, run, scenario, write_run

import stresstest
from stresstest.config import load_run
from stresstest.errors import Reason, StressTestError
from stresstest.results.documents import read_document
from stresstest.results.identity import Identity
from stresstest.results.store import read_table
from stresstest.results.summary import Summary
from stresstest.runs.checking import validate
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.tables import CASCADE_TABLES

pytestmark = pytest.mark.usefixtures("made_once")

CASCADE: Row = {"impact": {"kind": "linear", "slope": {"A": 0.07}}}
FUNDS = ["defaulter_margin", "defaulter_contribution", "insurance_fund", "skin_in_the_game", "default_fund", "assessment"]


@pytest.fixture(autouse=True, scope="module")
def without_report_tables() -> Iterator[None]:
    """No second look at books of this module, which takes as long as all else."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("stresstest.runs.pipeline.SMALL_BOOK", -1)
        yield


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run file of T9: four longs and two shorts, and an insurance fund of 300.

    `fall` takes 6 % off the price of 100, and sales the rest down to 73; in `dip` nobody is liquidated.
    """
    tables = {**four_longs(0.07, shorts=True).tables, "assets": [CASH, coin("A"), coin("B")]}
    scenarios = [scenario("dip", {"A": -0.01}), scenario("fall", {"A": -0.06}), scenario("also", {"A": -0.06}, headline=False)]
    return write_run(tmp_path_factory.mktemp("T9") / "book", tables, scenarios, cascade=CASCADE, resources={"insurance_fund": 300.0})


@pytest.fixture(scope="module")
def finished(made_once: None, book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    del made_once
    return run(book, tmp_path_factory.mktemp("finished") / "out", threads=1).folder


def hashes(folder: Path) -> dict[str, str]:
    return read_document(Identity, folder / "result.json").tables


def layers(folder: Path, name: str = "fall") -> dict[str, float]:
    table = read_table(folder, "waterfall").filter(scenario_id=name)
    return {layer: used for layer, used in table.select("layer", "used").rows() if used}


def payers(folder: Path, method: str) -> dict[str, float]:
    table = read_table(folder, "waterfall_payers").filter(scenario_id="fall", method=method)
    return dict(table.select("owner_id", "amount").rows())


def refused(book: Path, tmp_path: Path, **overrides: Any) -> str:
    with pytest.raises(StressTestError) as found:
        plan(load_run(book, overrides), tmp_path / "out")
    assert found.value.reason is Reason.CONFIGURATION
    return str(found.value)


def test_the_cascade_of_a_run(finished: Path) -> None:
    """Three rounds to 73; A2 and A3 end 150 and 350 below zero, and nobody before it."""
    names = ("rounds", "accounts_liquidated_direct", "accounts_liquidated_feedback", "uncollateralised_loss_static", "uncollateralised_loss")
    found = {row[0]: row[1:] for row in rows(finished, "cascade_summary", "scenario_id", *names)}
    assert {name: found[name][:3] for name in ("base", "dip", "fall")} == {"base": (0, 0, 0), "dip": (0, 0, 0), "fall": (3, 1, 2)}
    assert found["fall"][3:] == pytest.approx((0.0, 500.0))
    assert rows(finished, "cascade_prices", "scenario_id", "final_price") == [("fall", pytest.approx(73.0)), ("also", pytest.approx(73.0))]
    # Of the book as it is all stand beside the same with every position on its own: who has one position is the same in both.
    isolated = rows(finished, "cascade_isolated", "scenario_id", "margin", "uncollateralised_loss")
    assert isolated == [("fall", "cross", pytest.approx(500.0)), ("fall", "isolated", pytest.approx(500.0))]
    # Half the depth, a slope of 0.14: A1 sells from 94 to 80 at 87, A2 and A3 together to 52 at 66, A4 to 38 at 45: they end 300, 1,900, 1,400 and
    # 1,500 below zero. Twice the depth, 0.035: A1 sells to 90.5, and nobody else.
    depth = rows(finished, "cascade_sensitivity", "depth_multiple", "accounts_liquidated", "uncollateralised_loss")
    assert [each[:2] for each in depth] == [(0.5, 4), (1.0, 3), (2.0, 1)]
    assert [each[2] for each in depth] == pytest.approx([5_100.0, 500.0, 0.0])
    assert {row["action"] for row in read_table(finished, "cascade_rounds").iter_rows(named=True)} == {"position"}


def test_who_pays(finished: Path) -> None:
    """Of 500 the fund pays 300; winners of 4,050 and 6,750 pay 75 and 125 of the 200 that are left. A1, who was liquidated, has won nothing."""
    assert layers(finished) == pytest.approx({"insurance_fund": 300.0, "gains_haircut": 200.0})
    assert payers(finished, "layer") == payers(finished, "gains_haircut") == pytest.approx({"S1": 75.0, "S2": 125.0})
    # The other rules close the 200 units that A2 and A3 sold, at one dollar each: in proportion to 150 and 250 units, or all of S2's, who has the
    # same profit of 27 % as S1, and a leverage of 18,250 / 14,750 against 10,950 / 9,050.
    assert payers(finished, "pro_rata") == pytest.approx({"S1": 75.0, "S2": 125.0})
    assert payers(finished, "adl_queue") == pytest.approx({"S2": 200.0})
    queue = read_table(finished, "waterfall_payers").filter(method="adl_queue")
    assert queue.select("quantity_closed", "score").row(0) == pytest.approx((200.0, 0.27 * 18_250.0 / 14_750.0))
    # A scenario that is no headline is not looked at closely, and its layers are there all the same.
    assert layers(finished, "also") == pytest.approx({"insurance_fund": 300.0, "gains_haircut": 200.0})
    assert set(rows(finished, "waterfall_payers", "scenario_id")) == {"fall"}


def test_light_and_summary_know_it(finished: Path) -> None:
    summary = read_document(Summary, finished / "summary.json")
    assert summary.status.light == "red"
    assert summary.status.sentence.endswith("Liquidations that follow put more owners in default in 1 of 2 headline scenarios.")
    assert "liquidations put more owners in default in 1 of 2 headline scenarios, most (2 more) in fall" in summary.status.reasons
    found = summary.cascade
    assert found is not None
    assert (found.scenario_id, found.rounds, found.owners_in_default_static, found.owners_in_default, found.not_converged) == ("fall", 3, 0, 2, 0)
    assert (found.cover_1, found.cover_2, found.uncovered) == pytest.approx((350.0, 500.0, 0.0))
    assert found.amplification == pytest.approx(27.0 / 6.0)


@pytest.mark.parametrize(
    ("last", "paid"), [("adl_queue", {"S2": 200.0}), ("pro_rata", {"S1": 75.0, "S2": 125.0}), (None, {})], ids=str
)  # fmt: skip
def test_the_last_resort(book: Path, tmp_path: Path, last: str | None, paid: dict[str, float]) -> None:
    """Positions are closed in every scenario with a loss, looked at closely or not."""
    order = [*FUNDS, *([last] if last else [])]
    folder = run(book, tmp_path / "out", **{"waterfall": order, "cascade.depth_multiples": [], "cascade.isolated": False}).folder
    rest = {last: 200.0} if last else {"uncovered": 200.0}
    assert layers(folder) == layers(folder, "also") == pytest.approx({"insurance_fund": 300.0, **rest})
    assert payers(folder, last or "layer") == payers(folder, "layer") == pytest.approx(paid)
    assert read_table(folder, "cascade_isolated").is_empty()
    assert read_table(folder, "cascade_sensitivity").is_empty()


def test_positions_are_closed_for_those_who_leave_a_loss(tmp_path: Path) -> None:
    """T9, and an owner with 1,000 in another account pays for the 150 of A2: for A3's 350 its own hundred units are closed, at 0.50 each."""
    tables = {**four_longs(0.07, shorts=True).tables, "assets": [CASH, coin("A"), coin("B")]}
    tables["collateral"] = [*tables["collateral"], {"account_id": "rich", "asset": "USD", "quantity": 1_000.0}]
    tables["accounts"] = [{"account_id": name, "owner_id": "both" if name in ("A2", "rich") else name}
                          for name in ("A1", "A2", "A3", "A4", "S1", "S2", "rich")]  # fmt: skip
    quick = {"depth_multiples": [], "isolated": False}
    apart = write_run(tmp_path / "book", tables, [scenario("fall", {"A": -0.06})], cascade=CASCADE | quick, resources={"insurance_fund": 300.0})
    folder = run(apart, tmp_path / "out", waterfall=[*FUNDS, "adl_queue"]).folder
    assert layers(folder) == pytest.approx({"defaulter_margin": 150.0, "insurance_fund": 300.0, "adl_queue": 50.0})
    closed = read_table(folder, "waterfall_payers").filter(method="adl_queue")
    assert closed.select("owner_id", "quantity_closed", "amount").rows() == [("S2", pytest.approx(100.0), pytest.approx(50.0))]


def test_resources(book: Path, tmp_path: Path) -> None:
    """Without any, gains pay all; a stated default fund pays 120 of nobody in particular."""
    quick = {"cascade.depth_multiples": [], "cascade.isolated": False, "cascade.detail": 0}
    nothing = {"insurance_fund": 0.0}
    assert layers(run(book, tmp_path / "none", resources=nothing, **quick).folder) == pytest.approx({"gains_haircut": 500.0})
    stated = run(book, tmp_path / "stated", resources={"default_fund": 120.0}, **quick).folder
    assert layers(stated) == pytest.approx({"default_fund": 120.0, "gains_haircut": 380.0})
    assert read_table(stated, "waterfall_payers").is_empty()


@pytest.mark.parametrize(
    ("detail", "told"), [(0, set()), (1, {"fall"}), ("all", {"fall", "also"}), (["also", "base"], {"also", "base"})],
    ids=("none", "one", "all", "named"),
)  # fmt: skip
def test_what_is_looked_at_closely(book: Path, tmp_path: Path, detail: object, told: set[str]) -> None:
    folder = run(book, tmp_path / "out", **{"cascade.detail": detail, "cascade.isolated": False}).folder
    assert set(rows(folder, "cascade_sensitivity", "scenario_id")) == told
    assert set(rows(folder, "cascade_rounds", "scenario_id")) == told - {"base"}
    assert set(rows(folder, "waterfall_payers", "scenario_id")) == told - {"base"}


def test_what_cannot_be_asked(book: Path, tmp_path: Path) -> None:
    text = refused(book, tmp_path, **{"cascade.detail": ["fal", "dip"], "headline": ["dop"]})
    assert "no scenario `fal`" in text
    assert "Did you mean `fall`?" in text
    assert "no scenario `dop`" in text
    assert "no scenario `dip`" not in text
    assert "`waterfall` says who pays what a cascade leaves, and there is none" in refused(book, tmp_path, waterfall=FUNDS, cascade=None)
    with pytest.raises(StressTestError, match="says who pays what a cascade leaves"):
        validate(load_run(book, {"waterfall": FUNDS, "cascade": None}))
    unknown = load_run(book, {"cascade": {"impact": {"kind": "linear", "depth": {"AA": 1e6}}}})
    for asked in (lambda: validate(unknown), lambda: execute(plan(unknown, tmp_path / "out"), Interrupting("stress"))):
        with pytest.raises(StressTestError, match="no asset of the snapshot is called `AA`"):
            asked()
    limit = {"name": "rest", "built_in": "cascade_uncovered", "red": 0}
    assert "reads cascade_summary" in refused(book, tmp_path, cascade=None, limits=[limit])


def test_a_difference_tells_what_else_was_asked(book: Path, finished: Path, tmp_path: Path) -> None:
    """At half the slope A1 sells from 94 to 90.5, and nobody else: nothing is below zero."""
    quick = {"depth_multiples": [], "isolated": False, "detail": 0}
    half = run(book, tmp_path / "half", cascade={"impact": {"kind": "linear", "slope": {"A": 0.035}}} | quick, resources={}).folder
    notes = stresstest.diff(finished, half).changes.notes
    assert notes == (
        (
            "Cascade, which no step tells: uncollateralised loss at the end of the worst one 500 (fall) before, 0 (fall) after. Asked otherwise: "
            "`cascade.depth_multiples`, `cascade.detail`, `cascade.impact`, `cascade.isolated`, `resources`."
        ),
    )
    none = run(book, tmp_path / "none", cascade=None).folder
    assert stresstest.diff(half, none).changes.notes == (
        "Only the earlier run follows liquidations (`cascade`), so there is nothing to hold against it.",
    )
    assert stresstest.diff(none, none).changes.notes == ()


def test_limits_over_it(book: Path, tmp_path: Path) -> None:
    names = ("cascade_cover_2_to_resources", "cascade_loss", "cascade_uncovered", "cascade_amplification", "cascade_accounts_by_feedback")
    limits = [{"name": name, "built_in": name, "red": 1.6} for name in names]
    quick = {"cascade.depth_multiples": [], "cascade.isolated": False, "cascade.detail": 0}
    folder = run(book, tmp_path / "out", limits=limits, **quick).folder
    found = {name: (value, status) for name, value, status in rows(folder, "limits", "name", "value", "status")}
    assert found == {
        "cascade_cover_2_to_resources": (pytest.approx(500.0 / 300.0), "red"), "cascade_loss": (pytest.approx(500.0), "red"),
        "cascade_uncovered": (pytest.approx(0.0, abs=1e-9), "green"), "cascade_amplification": (pytest.approx(4.5), "red"),
        "cascade_accounts_by_feedback": (2.0, "red"),
    }  # fmt: skip


@pytest.mark.parametrize("overrides", [{"threads": 3}, {"executor": "processes", "threads": 2}], ids=str)
def test_whoever_computes_it(book: Path, finished: Path, tmp_path: Path, overrides: dict[str, Any]) -> None:
    folder = run(book, tmp_path / "out", **overrides).folder
    assert {table.name for table in CASCADE_TABLES} <= hashes(folder).keys()
    assert hashes(folder) == hashes(finished)


@pytest.mark.parametrize("at", ["cascade", "cascade, isolated margin", "waterfall"])
def test_an_interrupted_cascade_is_run_again(book: Path, finished: Path, tmp_path: Path, at: str) -> None:
    planned = plan(load_run(book, {}), tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        execute(planned, Interrupting(at))
    assert hashes(execute(planned).folder) == hashes(finished)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("drawn_here")
def test_its_reports_and_the_commands_after_it(book: Path, finished: Path, tmp_path: Path) -> None:
    """A run with reports is the same result; it is verified, told apart from one with a deeper market, and joins a history."""
    history = str(tmp_path / "history")
    folder = run(book, tmp_path / "one", history=history, **{"output.formats": ["html", "json"]}).folder
    reported, plain = hashes(folder), hashes(finished)
    assert {name: reported[name] for name in plain} == plain
    html = (folder / "report.html").read_text()
    for page in ("cascade", "contagion", "waterfall"):
        assert f'id="{page}"' in html
    assert "worst with liquidations: fall: USD 500 below zero, 0 by the shock alone" in html
    assert stresstest.verify(folder).verified
    deeper = run(book, tmp_path / "two", history=history, **{"cascade.impact": {"kind": "none"}, "as_of": "2026-11-21T16:00:00Z"}).folder
    assert read_document(Summary, deeper / "summary.json").cascade is not None
    found = stresstest.diff(folder, deeper)
    assert found.changes.before is not None
    assert len(list((tmp_path / "history").rglob("*.parquet"))) > 2


def test_without_impact_it_ends_where_the_static_stress_does(tmp_path: Path) -> None:
    """A book with isolated pools, netting groups and owners of several accounts: nobody loses by selling at the price there is."""
    quick = {"cascade.impact": {"kind": "none"}, "cascade.depth_multiples": [], "cascade.isolated": False, "cascade.detail": 0}
    folder = run(write_book(tmp_path / "book", seed=3).run_file, tmp_path / "out", **quick).folder
    static = read_table(folder, "scenario_summary").sort("scenario_id")
    found = read_table(folder, "cascade_summary").sort("scenario_id")
    assert found["scenario_id"].to_list() == static["scenario_id"].to_list()
    assert sum(found["rounds"]) > 0
    for side in ("", "_static"):
        assert found[f"owners_in_default{side}"].to_list() == static["owners_in_default"].to_list()
        assert found[f"uncollateralised_loss{side}"].to_list() == pytest.approx(static["uncollateralised_loss"].to_list(), rel=1e-9, abs=1e-4)
    for count in (1, 2):
        assert found[f"cover_{count}"].to_list() == pytest.approx(static[f"cover_{count}_uncollateralised_loss"].to_list(), rel=1e-9, abs=1e-4)
    assert max(static["owners_in_default"]) > 0
    assert max(found["feedback_loss"]) == pytest.approx(0.0, abs=1e-3)
