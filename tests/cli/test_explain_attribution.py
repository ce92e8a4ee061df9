"""The waterfall of an explanation, character by character."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from stresstest.cli.explain_attribution import attribution_table


def shown(attribution: dict[str, Any], excess: float) -> list[str]:
    console = Console(width=120, file=StringIO(), color_system=None)
    console.print(attribution_table(attribution, excess))
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def line(kind: str, subject: str | None, amount: float) -> dict[str, Any]:
    return {"kind": kind, "subject": subject, "amount": amount}


def test_bars_lead_from_base_to_the_scenario():
    """From 300 by -500 and +100 to -100: forty characters for the 500 between 300 and -200, so zero is after 16 of them."""
    lines = [line("price", "BTC", -400.0), line("price", "[red]", -100.0), line("requirement", "BTC", 100.0), line("residual", None, 1e-9)]
    found = shown({"change": -400.0, "wrong_way_share": 0.25, "lines": lines, "positions": []}, -100.0)
    assert found[1:7] == [
        "at base                                     300.00  " + 16 * " " + 24 * "=",
        "price            -500.00                   -200.00  " + 40 * "-",
        "  BTC            -400.00",
        "  [red]          -100.00",
        "requirement       100.00                   -100.00  " + 8 * "+",
        "  BTC             100.00",
    ]
    assert found[7] == "in the scenario  -400.00                   -100.00  " + 8 * " " + 8 * "="
    assert "left to rounding 0.000000" in found[9]
    assert found[10] == "wrong way: 25% of what is lost is collateral that fell with the positions"


def test_small_subjects_are_one_line_and_what_moves_is_seen():
    lines = [*(line("price", f"C{number}", -1.0) for number in range(9)), line("fx", "EUR", -0.001), line("residual", None, 0.0)]
    found = shown({"change": -9.001, "wrong_way_share": 0.0, "lines": lines, "positions": []}, 1_000.0)
    assert [text.split() for text in found if "others" in text] == [["3", "others", "-3.00"]]
    assert next(text for text in found if text.startswith("currencies")).endswith(" -")
    assert not any("wrong way" in text for text in found)


def test_an_account_without_anything_has_no_bars():
    found = shown({"change": 0.0, "wrong_way_share": 0.0, "lines": [line("residual", None, 0.0)], "positions": []}, 0.0)
    assert [text.split() for text in found[1:3]] == [["at", "base", "0.00"], ["in", "the", "scenario", "0.00", "0.00"]]
