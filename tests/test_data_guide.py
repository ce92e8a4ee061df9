"""docs/data-guide.md from top to bottom: its files written, its commands run, and what comes out is what it says and what the venues reported."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.in_process import exit_code

from stresstest.results.store import read_table

PAGE = (Path(__file__).parents[1] / "docs" / "data-guide.md").read_text(encoding="utf-8")
FILES = re.compile(r"^```[a-z]+ (?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [line[2:] for block in CONSOLE.findall(PAGE) for line in block.splitlines()]


def run(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "stresstest":
        assert exit_code(words[1:]) == 0, command
    else:
        subprocess.run([sys.executable if words[0] == "python" else words[0], *words[1:]], check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, made_once: None, all_drawn_here: None) -> Iterator[Path]:
    """A folder in which somebody has followed the page to its end."""
    with pytest.MonkeyPatch.context() as patched:
        place = tmp_path_factory.mktemp("guide")
        patched.chdir(place)
        for file in FILES.finditer(PAGE):
            path = place / file["name"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(file["text"], encoding="utf-8")
        for command in COMMANDS:
            run(command)
        yield place


def account(folder: Path, name: str, scenario: str) -> dict[str, Any]:
    (row,) = read_table(folder, "account_scenario").filter(account_id=name, scenario_id=scenario).iter_rows(named=True)
    return row


def warnings(folder: Path) -> list[str]:
    return [row["message"] for row in read_table(folder, "data_quality").iter_rows(named=True) if row["result"] != "pass"]


def test_every_block_is_a_file_or_commands():
    fences = re.findall(r"^```(.+)$", PAGE, re.MULTILINE)
    assert [fence for fence in fences if fence != "console" and " " not in fence] == []
    assert len({file["name"] for file in FILES.finditer(PAGE)}) == len(fences) - fences.count("console")
    assert all(line.startswith("$ ") for block in CONSOLE.findall(PAGE) for line in block.splitlines())


@pytest.mark.slow
def test_the_smallest_book_has_the_figures_that_the_page_works_out_by_hand(folder: Path):
    columns = [("ann", "base"), ("ann", "btc_down_20"), ("bob", "base"), ("bob", "btc_down_20")]
    for name, measure in (
        ("equity", "equity"),
        ("margin balance", "margin_balance"),
        ("maintenance margin", "maintenance_margin"),
        ("margin shortfall", "margin_shortfall"),
    ):
        (cells,) = re.findall(rf"^\| {name} \|(.*)\|$", PAGE, re.MULTILINE)
        worked_out = [float(cell.split("=")[-1].strip().replace(",", "")) for cell in cells.split("|")]
        assert [account(folder / "minimal" / "results", *column)[measure] for column in columns] == pytest.approx(worked_out, abs=1e-9), name
    assert [account(folder / "minimal" / "results", *column)["status"] for column in columns] == ["ok", "default", "ok", "ok"]


@pytest.mark.slow
def test_the_csv_book_has_the_equity_that_the_page_works_out(folder: Path):
    # 25 Bund futures lost 0.23 points of 1,000 euro each, 40 short index futures 27 points of 10 euro.
    assert account(folder / "csv" / "results", "C-1001", "base")["equity"] == pytest.approx(310_000 - 5_750 - 10_800, abs=1e-6)
    assert "= 293,450 euro" in PAGE
    # A book in euro: the libraries say which shocks of theirs are of the euro.
    assert [text for text in warnings(folder / "csv" / "results") if "would shock EUR" not in text] == []


@pytest.mark.slow
def test_the_database_book_is_of_its_moment(folder: Path):
    # The fill, the wallet row and the mark of after 21:00 are left out; 45,000 + 100 * 3,190.5 - 313,200, in USDT at 0.9997.
    assert account(folder / "database" / "results", "1", "base")["equity"] == pytest.approx(50_850 * 0.9997, abs=1e-6)
    assert "50,834.745 dollars" in PAGE
    assert warnings(folder / "database" / "results") == []


@pytest.mark.slow
def test_the_account_of_perpetuals_has_the_margins_that_the_venue_reported(folder: Path):
    results = folder / "hyperliquid" / "results"
    pools = read_table(results, "pool_scenario").filter(pool_id="cross")
    (base,) = pools.filter(scenario_id="base").iter_rows(named=True)
    # The venue's own figures, as its answer gives them.
    for figure, reported in (("maintenance_margin", 356978.709123), ("initial_margin", 1106837.316186), ("equity", 8259027.075462)):
        assert base[figure] == pytest.approx(reported, abs=1e-5), figure
    assert account(results, "account-1", "base")["equity"] == pytest.approx(8272576.572935, abs=1e-5)
    (there,) = pools.filter(scenario_id="hype_liquidation").iter_rows(named=True)
    assert abs(there["margin_balance"] - there["maintenance_margin"]) < 1e-3
    assert warnings(results) == []


@pytest.mark.slow
def test_the_lending_account_has_the_healths_that_the_venue_published(folder: Path):
    base = account(folder / "mango" / "results", "account2", "base")
    # getHealth(Maint) and getHealth(Init) of the venue's own test, in USDC.
    assert base["margin_balance"] - base["maintenance_margin"] == pytest.approx(9618.709877451191, abs=1e-6)
    assert base["margin_balance_initial"] - base["initial_margin"] == pytest.approx(7516.159604849183, abs=1e-6)
