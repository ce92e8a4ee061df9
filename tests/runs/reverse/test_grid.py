"""Two-way grids of books whose contour is known: a line by hand, and a straddle by the formula of its price."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scipy.optimize import brentq
from scipy.stats import norm
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, write_run

import stresstest
from stresstest.errors import StressTestError
from stresstest.runs.console import Silent

pytestmark = pytest.mark.usefixtures("read_here")

CRASH: Row = {"id": "crash", "family": "hypothetical", "shocks": [{"factor": "spot:ETH", "relative": -0.1, "mode": "linear"}]}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`two`: long 100 of BTC and 200 of ETH at 100, with 6,000; `five`: short 1,000,000 straddles of SOL with 5 each above their premium (T23)."""
    expiry = datetime(2026, 11, 20, 16, tzinfo=UTC) + timedelta(days=91.25)
    common: Row = {"kind": "option", "underlying": "SOL", "quote": "USD", "strike": 100.0, "expiry": expiry, "margin_schedule": "flat",
                   "mark_price": 7.975522335348984 / 2.0, "mark_vol": 0.2, "forward": 100.0}  # fmt: skip
    tables: dict[str, list[Row]] = {
        "accounts": [{"account_id": "two"}, {"account_id": "five"}],
        "assets": [coin("BTC"), coin("ETH"), coin("SOL"), CASH],
        "instruments": [
            perpetual("BTC-PERP", "BTC"), perpetual("ETH-PERP", "ETH"),
            {**common, "instrument_id": "C", "option_type": "call"}, {**common, "instrument_id": "P", "option_type": "put"},
        ],
        "positions": [
            lot("two", "BTC-PERP", 100.0), lot("two", "ETH-PERP", 200.0), *(lot("five", option, -1e6, entry_price=None) for option in "CP"),
        ],
        "collateral": [cash("two", 6_000.0), cash("five", 1e6 * 12.975522335348984)],
    }  # fmt: skip
    return write_run(tmp_path_factory.mktemp("grid") / "book", tables, [CRASH])


def grid(run_file: Path, target: str, first: str, second: str, tolerance: float = 1e-9) -> stresstest.GridReport:
    return stresstest.breach_grid(run_file, target, first, second, tolerance=tolerance, console=Silent())


def test_a_line_by_hand(book: Path) -> None:
    """10,000 x + 20,000 y = -6,000.01: y = -0.3000005 - x / 2, looked for from 0 down to -0.4."""
    found = grid(book, "default:two", "spot:BTC=-0.7:0.3:6", "spot:ETH=0:-0.4:5")
    assert found.first.values == pytest.approx((-0.7, -0.5, -0.3, -0.1, 0.1, 0.3))
    assert found.second.values == pytest.approx((0.0, -0.1, -0.2, -0.3, -0.4))
    expected = [[10_000.0 * x + 20_000.0 * y < -6_000.01 for y in found.second.values] for x in found.first.values]
    assert [list(row) for row in found.hit] == expected
    losses = [[max(0.0, -6_000.0 - 10_000.0 * x - 20_000.0 * y) for y in found.second.values] for x in found.first.values]
    assert found.figures == tuple(pytest.approx(row, abs=1e-6) for row in losses)
    ends = [point.right for point in found.contour]
    assert ends[0] == 0.0
    assert found.contour[0].left == 0.0
    assert ends[1:5] == pytest.approx([-0.3000005 - x / 2.0 for x in found.first.values[1:5]], abs=1e-8)
    assert ends[5] is None
    point = found.contour[2]
    assert point.left is not None
    assert point.right is not None
    # Neither side is hit before the other, and the figure is a cent there.
    assert point.left >= -0.1500005
    assert point.right < -0.1500005 + 1e-12
    assert (point.figure_right, point.jump) == (pytest.approx(0.01, abs=1e-4), False)


def test_price_by_vol(book: Path) -> None:
    """The vol, of 20 %, at which a straddle of the price there has lost 5 (and 0.2 of a million, which the status forgives), by its formula."""

    def lost(price: float, vol: float) -> float:
        spread = vol * 0.5
        d1 = math.log(price / 100.0) / spread + spread / 2.0
        return float(2.0 * (price * norm.cdf(d1) - 100.0 * norm.cdf(d1 - spread)) - price + 100.0 - 7.975522335348984)

    found = grid(book, "default:five", "spot:SOL=-0.1:0.15:6", "vol:SOL=0:2:9")
    for price, point in zip(found.first.values, found.contour, strict=True):
        if lost(100.0 * (1.0 + price), 0.2) > 5.0000002:
            assert point.left == point.right == 0.0
            continue
        vol = brentq(lambda v, price=price: lost(100.0 * (1.0 + price), v) - 5.0000002, 0.2, 0.6, xtol=1e-14)
        assert point.right == pytest.approx(vol / 0.2 - 1.0, abs=1e-7)
    assert [point.left == point.right for point in found.contour] == [False] * 5 + [True]


def test_multiples_of_a_scenario_by_a_factor(book: Path) -> None:
    """ETH 10 % down each time: 10,000 x - 2,000 m = -6,000.01."""
    found = grid(book, "default:two", "crash=0:2:3", "spot:BTC=0:-0.9:4")
    assert (found.first.kind, found.first.shift_type, found.second.shift_type) == ("scenario", None, "relative")
    assert [point.right for point in found.contour] == pytest.approx([-0.600001, -0.400001, -0.200001], abs=1e-8)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("spot:BTC", "spot:ETH=0:1:3", "no axis"),
        ("spot:BTC=0:1:1", "spot:ETH=0:1:3", "no axis"),
        ("spot:BTC=0:0:3", "spot:ETH=0:1:3", "no axis"),
        ("spot:BTC:up=0:1:3", "spot:ETH=0:1:3", "no axis"),
        ("crash=-1:1:3", "spot:BTC=0:1:3", "no axis"),
        ("spot:BTC=0:1:3", "spot:BTC=0:1:3", "both axes shock spot:BTC"),
        ("crash=0:1:3", "spot:*=0:1:3", "one axis shocks spot:ETH, the other spot:*"),
        ("spot:BTC=0:-1:3", "spot:ETH=0:1:3", "cannot be followed to -1"),
        ("spot:XRP=0:1:3", "spot:ETH=0:1:3", "nothing to shift"),
        ("spot:BTC=0:1:1000", "spot:ETH=0:1:1000", "more than 100,000 cells"),
    ],
)
def test_refusals(book: Path, first: str, second: str, says: str) -> None:
    with pytest.raises(StressTestError, match=says.replace("*", r"\*")):
        grid(book, "default:two", first, second)
