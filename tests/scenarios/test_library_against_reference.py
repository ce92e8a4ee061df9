"""library:crisis against the document of recomputed moves it was written from, figure by figure; nothing of that document is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.model import Shock

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "../shared/references/historical_events.md"
GUIDE = (ROOT / "docs" / "scenario-guide.md").read_text(encoding="utf-8")
CRISIS = load_scenarios(["library:crisis"])

pytestmark = pytest.mark.skipif(not REFERENCE.exists(), reason="the document is not part of the repository")

COLUMNS = ("S&P 500", "Nasdaq", "EuroStoxx50", "VIX", "10Y bp", "WTI", "gold", "EURUSD", "USDJPY", "BTC", "ETH")
SERIES = {
    "S&P 500": "SPX", "Nasdaq": "NDX", "EuroStoxx50": "SX5E", "WTI": "WTI", "gold": "XAU", "BTC": "BTC", "ETH": "ETH",
}  # fmt: skip
"""The name by which a shock's filter (asset or risk group) is recognised."""


def figure(cell: str) -> float | None:
    """The number that a cell begins with; None for a dash."""
    match = re.match(r"[-+]?\d+(\.\d+)?", cell.replace("−", "-"))
    return float(match[0]) if match else None


def rows(cells: int) -> list[list[str]]:
    lines = REFERENCE.read_text(encoding="utf-8").splitlines() if REFERENCE.exists() else []
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in found if len(row) == cells and re.match(r"\d{4}-\d\d", row[0])]


ONE_DAY = [row for row in rows(13) if "→" not in row[0]]
WINDOWS = [row for row in rows(13) if "→" in row[0]]


def shocks_of(ending: str) -> tuple[Shock, ...]:
    [scenario] = [each for each in CRISIS.ids if each.endswith(ending)]
    return CRISIS.shocks_of(scenario)


def of_series(shocks: tuple[Shock, ...], name: str, kind: str = "spot") -> Shock | None:
    """The shock of a type whose factor or filter names that asset or group."""
    for shock in shocks:
        where = shock.where
        listed = (*((where.asset or ()) if where else ()), *((where.risk_group or ()) if where else ()))
        if shock.factor == f"{kind}:{name}" or (shock.factor == f"{kind}:*" and name in listed):
            return shock
    return None


def check(shocks: tuple[Shock, ...], cells: list[str], leave: frozenset[str] = frozenset()) -> None:
    for column, cell in zip(COLUMNS, cells, strict=True):
        if column in leave:
            continue
        value = figure(cell)
        told = value or None  # what did not move is not shocked
        if column in SERIES:
            shock = of_series(shocks, SERIES[column])
            found = None if shock is None else shock.relative
            assert found == (None if told is None else pytest.approx(told / 100, abs=1e-9)), column
        elif column == "EURUSD":
            shock = of_series(shocks, "EUR")
            assert (shock and shock.relative) == (None if told is None else pytest.approx(told / 100, abs=1e-9)), column
        elif column == "USDJPY":
            shock = of_series(shocks, "JPY")
            assert (shock and shock.relative) == (None if told is None else pytest.approx(1 / (1 + told / 100) - 1, abs=5.1e-5)), column
        elif column == "10Y bp":
            rates = [shock.absolute for shock in shocks if shock.factor == "rate:*"]
            assert rates == ([] if told is None else [pytest.approx(told / 1e4, abs=1e-9)]), column
        else:
            check_vix(shocks, told, cell)


def check_vix(shocks: tuple[Shock, ...], points: float | None, cell: str) -> None:
    shock = of_series(shocks, "SPX", "vol")
    level = re.search(r"→ ([\d.]+)", cell)
    if shock is None or points is None:
        assert shock is None
        assert points is None
    elif points < 0 and level:
        assert shock.relative == pytest.approx(float(level[1]) / (float(level[1]) - points) - 1, abs=5.1e-5)
    else:
        assert shock.absolute == pytest.approx(points / 100, abs=1e-9)


@pytest.mark.parametrize("row", ONE_DAY, ids=[row[0] for row in ONE_DAY])
def test_one_day_moves(row: list[str]) -> None:
    ending = f"{row[0].replace('-', '_')}_close"
    check(shocks_of(ending), row[2:], frozenset({"WTI"} if row[0] == "2020-04-20" else ()))


@pytest.mark.parametrize("row", WINDOWS, ids=[row[0] for row in WINDOWS])
def test_moves_of_several_days(row: list[str]) -> None:
    first, last = row[0].split(" → ")
    [scenario] = [each.id for each in CRISIS if each.source == f"close of {first} to close of {last}"]
    check(CRISIS.shocks_of(scenario), row[2:])


def test_both_tables_were_found() -> None:
    assert (len(ONE_DAY), len(WINDOWS)) == (32, 24)


def test_every_event_is_shipped_or_left_out_with_a_reason() -> None:
    shipped = {match[0].replace("_", "-") for each in CRISIS.ids if (match := re.search(r"\d{4}_\d\d_\d\d", each))}
    shipped |= set(re.findall(r"\d{4}-\d\d-\d\d", " ".join(each.source or "" for each in CRISIS)))
    left_out = set(re.findall(r"^\| (\d{4}-\d\d-\d\d)", GUIDE.partition("### Left out")[2], re.MULTILINE))
    text = REFERENCE.read_text(encoding="utf-8")
    single = re.findall(r"\d{4}-\d\d-\d\d", "".join(re.findall(r"(?:Other one-day facts|Worst single days).*", text)))
    assert len(single) > 20
    assert [day for day in single if day not in shipped | left_out] == []
    months = {day[:7] for day in shipped | left_out}
    structural = [row[0] for row in rows(4)]
    assert len(structural) == 17
    assert [event for event in structural if event[:7] not in months] == []
