"""Margin files whose initial calculation is milder than that of maintenance, or whose deductions make the requirement jump."""

from __future__ import annotations

from typing import Any

import pytest

from stresstest.margin.plausibility import plausibility
from stresstest.margin.rulebook import Rulebook

TIER = {"from": 0, "maintenance_rate": 0.02, "initial_rate": 0.04}
BAND = {"from": 0, "haircut": 0.05}
LATE = "so that an account can be liquidated before it is called."


def doubts(file: dict[str, Any]) -> list[str]:
    return [doubt.message for doubt in plausibility(Rulebook.model_validate(file))]


@pytest.mark.parametrize(
    ("file", "where", "what"),
    [
        (
            {"margin_schedules": {"m": {"tiers": [TIER, {"from": 100, "maintenance_rate": 0.05, "initial_rate": 0.03}]}}},
            "margin schedule m",
            "rate from 100: 0.03 against 0.05",
        ),
        (
            {"margin_schedules": {"m": {"amount_per_contract": {"maintenance": 4, "initial": 3}}}},
            "margin schedule m",
            "amount_per_contract: 3 against 4",
        ),
        (
            {
                "margin_schedules": {
                    "m": {"short_option": {"maintenance": {"rate": 0.1, "minimum": 0.05}, "initial": {"rate": 0.08, "minimum": 0.04}}}
                }
            },
            "margin schedule m",
            "short_option rate: 0.08 against 0.1, and 1 more",
        ),
        (
            {"collateral_schedules": {"c": {"bands": [{"from": 0, "haircut": 0.08, "initial_haircut": 0.05}]}}},
            "collateral schedule c",
            "haircut from 0: 0.05 against 0.08",
        ),
        (
            {"collateral_schedules": {"c": {"bands": [BAND], "liability_weight": {"maintenance": 1.2, "initial": 1.1}}}},
            "collateral schedule c",
            "liability_weight: 1.1 against 1.2",
        ),
        ({"models": {"p": {"positive_pnl_weight": {"maintenance": 0.5, "initial": 1.0}}}}, "model p", "positive_pnl_weight: 1 against 0.5"),
        ({"models": {"p": {"positive_pnl_cap": {"maintenance": 100}}}}, "model p", "positive_pnl_cap: inf against 100"),
        ({"models": {"p": {"spread_rate": {"maintenance": 0.02, "initial": 0.01}}}}, "model p", "spread_rate: 0.01 against 0.02"),
        (
            {
                "models": {
                    "p": {
                        "kind": "strategy",
                        "naked_shorts": [{"maintenance": {"rate": 0.2, "minimum": 0.1}, "initial": {"rate": 0.15, "minimum": 0.1}}],
                        "shares": {"long": {"maintenance": 0.5, "initial": 0.25}, "short": 0.5},
                    }
                }
            },
            "model p",
            "naked_shorts[0].rate: 0.15 against 0.2, and 1 more",
        ),
    ],
)
def test_milder_initial_figures_are_doubted(file: dict[str, Any], where: str, what: str) -> None:
    assert doubts(file) == [f"{where}: initial is milder than maintenance ({what}), {LATE}"]


def test_equal_and_stricter_initial_figures_are_plausible() -> None:
    file = {
        "collateral_schedules": {"c": {"bands": [BAND], "liability_weight": 1.1}},
        "margin_schedules": {"m": {"tiers": [TIER]}, "n": {"amount_per_contract": 5}},
        "models": {"p": {"positive_pnl_weight": {"maintenance": 1.0, "initial": 0.5}, "positive_pnl_cap": {"initial": 100}}},
    }
    assert doubts(file) == []


def deducted(*tiers: tuple[float, float, float], initial: float = 0.0, **keys: Any) -> dict[str, Any]:
    """A margin file of one schedule by (from, maintenance rate, maintenance deduction); its initial deductions are all the same."""
    rows = [
        {"from": at, "maintenance_rate": rate, "initial_rate": 2 * rate, "maintenance_deduction": less, "initial_deduction": initial}
        for at, rate, less in tiers
    ]
    return {"margin_schedules": {"m": {"convention": "deduction", "tiers": rows, **keys}}}


def test_a_deduction_that_does_not_continue_the_tier_below_is_doubted() -> None:
    # 5,000 + 5,000,000 x (0.025 - 0.01) = 80,000; with 75,000 the requirement rises by 5,000 there.
    (message,) = doubts(deducted((0, 0.005, 0), (1_000_000, 0.01, 5_000), (5_000_000, 0.025, 75_000)))
    assert message == (
        "margin schedule m: the maintenance requirement at 5,000,000 jumps by +5,000 (deduction 75,000; 80,000 continues the tier below), "
        "so that a small move of a position's size or price changes its requirement by that much."
    )


def test_every_jump_is_counted_once() -> None:
    (doubt,) = plausibility(Rulebook.model_validate(deducted((0, 0.005, 0), (1_000_000, 0.01, 6_000), (5_000_000, 0.025, 80_000), initial=1.0)))
    # Maintenance: 1,000 too much, then 1,000 too little against the tier below; initial: the rate doubles what is not deducted.
    assert (doubt.subject, doubt.figures) == ("margin schedule m, deductions", 4)
    assert "at 1,000,000 jumps by -1,000 (deduction 6,000; 5,000 continues the tier below), and 3 more" in doubt.message


@pytest.mark.parametrize(
    "file",
    [
        deducted((0, 0.005, 0), (1_000_000, 0.01, 5_000), (5_000_000, 0.025, 80_000)),
        deducted((0, 0.004, 0), (50_000, 0.005, 50.004)),  # rounded to less than a cent
        deducted((0, 0.005, 0), (1_000_000, 0.01, 0)),  # the rate of the tier on all, written as deductions
        deducted((0, 0.005, 0), (100, 0.01, 7), basis="contracts"),
    ],
    ids=["continuous", "rounded", "whole", "by contracts"],
)
def test_deductions_that_continue_are_plausible(file: dict[str, Any]) -> None:
    assert doubts(file) == []
