from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest
from generated.books import write_book
from snapshot.books import small_book, write_tables

from stresstest.config import load_run
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import load_rulebook
from stresstest.runs.checking import Checked, validate
from stresstest.runs.onboarding.start import FILES, Started, start
from stresstest.scenarios.files import load_scenarios

pytestmark = pytest.mark.usefixtures("made_once")

SAMPLE = Path(__file__).parents[3] / "sample_data" / "2026-11-13"


def checked(started: Started) -> Checked:
    return validate(load_run(started.run_file))


def warnings(found: Checked) -> list[str]:
    """All but one: the libraries say where a shock of theirs is of the reporting currency."""
    messages = [row["message"] for row in found.findings.filter(pl.col("result") != "pass").iter_rows(named=True)]
    return [text for text in messages if "scenarios written for any book would shock" not in text]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Started:
    return start(tmp_path_factory.mktemp("start") / "my-book")


def test_the_example_is_valid_and_nothing_about_it_is_doubtful(example: Started):
    found = checked(example)
    assert (found.accounts, found.positions, warnings(found)) == (4, 6, [])
    assert [file.name for file in example.files] == ["run.yaml", "margin.yaml", "scenarios.yaml", "snapshot", "snapshot.sql"]


def test_limits_that_are_commented_out_can_be_taken_in(example: Started, tmp_path: Path):
    text = example.run_file.read_text()
    taken_in = example.folder / "with_limits.yaml"
    taken_in.write_text(re.sub(r"^  # - \{name", "  - {name", text, flags=re.MULTILINE))
    names = [limit.built_in for limit in load_run(taken_in).limits]
    taken_in.unlink()
    assert names == ["failed_checks", "unshocked_notional", "cover_2_to_resources", "account_shortfall"]
    assert [limit.built_in for limit in load_run(example.run_file).limits] == names[:1]


def test_the_example_is_what_its_sql_writes(example: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import duckdb

    (tmp_path / "snapshot").mkdir()
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as connection:
        connection.execute((example.folder / "snapshot.sql").read_text())
    for file in (example.folder / "snapshot").glob("*.parquet"):
        assert pl.read_parquet(tmp_path / "snapshot" / file.name).equals(pl.read_parquet(file)), file.name
    assert json.loads((tmp_path / "snapshot" / "snapshot.json").read_text()) == {"as_of": "2026-11-13T21:00:00Z", "reporting_currency": "USD"}


def test_the_sample_book_is_valid_at_once_and_every_shock_meets_something(tmp_path: Path):
    started = start(tmp_path / "mine", str(SAMPLE))
    # One price of the sample is planted to be old.
    assert [text for text in warnings(checked(started)) if "price" not in text] == []
    assert {file.name for file in started.files} == set(FILES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_files_for_any_legal_book_are_valid_at_once(tmp_path: Path, seed: int):
    book = write_book(tmp_path / "book", seed=seed)
    assert warnings(checked(start(tmp_path / "mine", load_run(book.run_file).snapshot))) == []


def test_every_schedule_and_model_of_the_snapshot_is_written(tmp_path: Path):
    started = start(tmp_path / "mine", str(SAMPLE))
    rulebook = load_rulebook(started.folder / "margin.yaml")
    tables = {name: pl.read_parquet(SAMPLE / f"{name}.parquet") for name in ("assets", "instruments", "accounts")}
    assert set(rulebook.collateral_schedules) == set(tables["assets"]["collateral_schedule"].drop_nulls())
    margin = {*tables["instruments"]["margin_schedule"].drop_nulls(), *tables["assets"]["margin_schedule"].drop_nulls()}
    assert set(rulebook.margin_schedules) == margin
    assert set(rulebook.models) == set(tables["accounts"]["margin_model"].unique())
    options = tables["instruments"].filter(pl.col("kind") == "option")["margin_schedule"].unique()
    assert {name for name, schedule in rulebook.margin_schedules.items() if schedule.short_option} == set(options)
    # Guesses may be wrong, never mild: the initial version is the stricter, and nothing but the reporting currency goes without a haircut.
    assert [name for name, schedule in rulebook.collateral_schedules.items() if schedule.bands[0].haircut == 0] == ["cash_usd"]
    assert all(each.bands[0].initial >= each.bands[0].haircut for each in rulebook.collateral_schedules.values())
    assert all(each.tiers[0].initial_rate > each.tiers[0].maintenance_rate > 0 for each in rulebook.margin_schedules.values())


def test_every_guess_carries_its_mark(example: Started, tmp_path: Path):
    for folder in (example.folder, start(tmp_path / "mine", str(SAMPLE)).folder):
        text = "".join((folder / name).read_text() for name in FILES)
        guess = re.compile(r"^ .*(haircut:|_rate:|minimum:|liability_weight|relative:|absolute:|scale:|replace:|net_by|credit|weight)")
        bare = [line for line in text.splitlines() if guess.match(line) and "reconciliation" not in line and "set this" not in line]
        assert bare == []


def test_what_is_there_is_not_overwritten(example: Started):
    before = {file: file.read_bytes() for file in example.folder.rglob("*") if file.is_file()}
    with pytest.raises(StressTestError) as refused:
        start(example.folder)
    assert refused.value.reason is Reason.USAGE
    assert [Path(fault.file or "").name for fault in refused.value.faults] == [
        "run.yaml",
        "margin.yaml",
        "scenarios.yaml",
        "snapshot.sql",
        "snapshot",
    ]
    assert {file: file.read_bytes() for file in example.folder.rglob("*") if file.is_file()} == before
    assert [path.name for path in example.folder.parent.iterdir()] == ["my-book"]


def test_force_replaces_the_files_and_leaves_others_alone(tmp_path: Path):
    started = start(tmp_path / "mine")
    (started.folder / "margin.yaml").write_text("version: 1\n")
    (started.folder / "notes.txt").write_text("mine")
    (started.folder / "snapshot" / "history.parquet").write_bytes(b"mine too")
    start(tmp_path / "mine", force=True)
    assert "majors" in (started.folder / "margin.yaml").read_text()
    assert (started.folder / "notes.txt").read_text() == "mine"
    assert (started.folder / "snapshot" / "history.parquet").read_bytes() == b"mine too"


def test_a_file_of_the_folders_name_is_refused(tmp_path: Path):
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(StressTestError, match="nothing was written"):
        start(tmp_path / "mine", force=True)


def test_a_snapshot_that_cannot_be_read_leaves_nothing(tmp_path: Path):
    with pytest.raises(StressTestError) as refused:
        start(tmp_path / "mine", str(tmp_path / "nowhere"))
    assert refused.value.reason is Reason.INPUT_DATA
    assert list(tmp_path.iterdir()) == []


def test_names_that_attack_the_files_are_read_back_as_they_are(tmp_path: Path):
    hostile = 'x", haircut: 0}\n# \u202e: [*&!'
    tables = small_book()
    for row in tables["assets"]:
        row["collateral_schedule"] = hostile
        row["asset_class"] = "null" if row["asset"] == "BTC" else hostile
    for row in tables["instruments"]:
        row["margin_schedule"] = "007"
    for row in tables["accounts"]:
        row["margin_model"] = "yes: no"
    tables["collateral"][0]["location"] = "]}, replace: 1"
    started = start(tmp_path / "mine", str(write_tables(tmp_path / "book", tables)))
    rulebook = load_rulebook(started.folder / "margin.yaml")
    assert (list(rulebook.collateral_schedules), list(rulebook.margin_schedules)) == ([hostile], ["007"])
    assert "yes: no" in rulebook.models
    assert len(load_scenarios([str(started.folder / "scenarios.yaml")])) > 5
    assert checked(started).accounts == 3


@pytest.mark.parametrize(("where", "shown"), [("mine/snapshot", "snapshot"), ("snapshots/friday", "../snapshots/friday"), ("/far/away", "/far/away")])
def test_how_the_run_file_names_the_snapshot(tmp_path: Path, where: str, shown: str):
    from stresstest.runs.onboarding.start import _as_seen_from

    assert _as_seen_from(tmp_path / "mine", str(tmp_path / where)) == shown


def test_what_only_the_user_can_mend_is_listed(tmp_path: Path):
    tables = small_book()
    tables["instruments"][0]["margin_schedule"] = None  # BTC-PERP
    tables["assets"][1]["collateral_schedule"] = None  # ETH
    tables["assets"][0]["asset_class"] = None  # BTC
    tables["assets"][2]["asset_class"] = "crypto"  # USDC, at 1.0 and settled in
    tables["assets"].append({**tables["assets"][2], "asset": "DAI", "asset_class": "stablecoin", "tags": None})
    tables["assets"].append({**tables["assets"][2], "asset": "PYUSD", "asset_class": "stablecoin", "tags": ["stablecoin"]})
    started = start(tmp_path / "mine", str(write_tables(tmp_path / "book", tables)))
    told = {each.what for each in started.open if each.file == "snapshot"}
    assert told == {
        "assets.tags: of class stablecoin without the tag stablecoin, so that `spot:*` moves it with the market: DAI",
        "assets.collateral_schedule: posted or paid in, without one (validate refuses it): ETH",
        "instruments.margin_schedule: held, without one (validate refuses it): BTC-PERP",
        "assets.tags: looks like a stablecoin and does not have the tag: USDC",
        "assets.asset_class: without one, so that shocks by class do not reach it: BTC",
    }
    assert 'factor: "spot:USDC", relative: 0.00' in (started.folder / "scenarios.yaml").read_text()
    with pytest.raises(StressTestError) as refused:
        checked(started)
    assert {fault.keys for fault in refused.value.faults} == {("ETH",), ("BTC-PERP",)}
