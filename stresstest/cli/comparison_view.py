"""What a person sees after `compare-margins`: models side by side, who differs, and what cross margin saves and risks."""

from __future__ import annotations

from stresstest.cli.output import printable, shortened, text_table
from stresstest.errors import counted
from stresstest.results.comparison import Comparison, CrossAgainstIsolated

SHOWN = 5
"""Accounts and positions that are shown; the tables of the result have all."""


def comparison_text(comparison: Comparison, currency: str) -> str:
    """The comparison as aligned text.

    Args:
        comparison: what the run found.
        currency: of all amounts.
    """
    lines: list[str] = []
    if comparison.models:
        lines += [*_models(comparison, currency), ""]
        if comparison.accounts:
            lines += [*_accounts(comparison), ""]
    if comparison.isolation is not None:
        lines += [*_isolation(comparison.isolation, currency), ""]
    return "".join(printable(line) + "\n" for line in lines)


def _models(comparison: Comparison, currency: str) -> list[str]:
    header = ("Margin rules", "initial margin", "maintenance", "worst shortfall", "in scenario", "accounts breached", "only here", "only own")
    rows = [
        (
            shortened(each.model) + (" (own)" if each.own else ""),
            f"{each.initial_margin:,.0f}",
            f"{each.maintenance_margin:,.0f}",
            f"{each.worst_scenario_margin_shortfall:,.0f}",
            shortened(each.worst_scenario_id or "none"),
            f"{each.accounts_breached:,}",
            "" if each.own else f"{each.accounts_breached_only_here:,}",
            "" if each.own else f"{each.accounts_breached_only_own:,}",
        )
        for each in comparison.models
    ]
    note = f"In {currency}. Requirements at base; breached: in liquidation or default in a headline scenario; own: the rules of the book itself."
    return [*text_table(header, rows, right=frozenset({1, 2, 3, 5, 6, 7})).splitlines(), note]


def _accounts(comparison: Comparison) -> list[str]:
    header = ("Breached under one and not the other", "model", "margin shortfall", "status", "own rules: margin shortfall", "status")
    rows = [
        (
            shortened(each.account_id),
            shortened(each.model),
            f"{each.here.margin_shortfall:,.0f}",
            each.here.status,
            f"{each.own.margin_shortfall:,.0f}",
            each.own.status,
        )
        for each in comparison.accounts[:SHOWN]
    ]
    lines = text_table(header, rows, right=frozenset({2, 4})).splitlines()
    return [*lines, *_more(comparison.accounts_differing, "margin_comparison")]


def _isolation(found: CrossAgainstIsolated, currency: str) -> list[str]:
    sides = (
        ("initial margin", found.initial_margin_cross, found.initial_margin_isolated),
        ("maintenance margin", found.maintenance_margin_cross, found.maintenance_margin_isolated),
        ("free collateral", found.free_collateral_cross, found.free_collateral_isolated),
        ("margin shortfall, worst scenario", found.worst_scenario_margin_shortfall_cross, found.worst_scenario_margin_shortfall_isolated),
        ("uncollateralised loss, worst scenario", found.worst_scenario_uncollateralised_loss_cross,
         found.worst_scenario_uncollateralised_loss_isolated),
        ("accounts breached", found.accounts_breached_cross, found.accounts_breached_isolated),
    )  # fmt: skip
    rows = [(name, f"{cross:,.0f}", f"{isolated:,.0f}", f"{isolated - cross:+,.0f}") for name, cross, isolated in sides]
    lines = text_table((f"Cross against isolated, {currency}", "cross", "isolated", "difference"), rows, right=frozenset({1, 2, 3})).splitlines()
    lines.append(
        f"Netting spares {counted(found.accounts_spared, 'account')} that single positions would breach; one position alone takes down "
        f"{counted(found.accounts_taken_down, 'account')}."
    )
    if not found.positions:
        return lines
    header = ("Positions that take an account down", "account", "in scenario", "own shortfall", "account's shortfall")
    down = [
        (
            shortened(each.instrument_id),
            shortened(each.account_id),
            shortened(each.scenario_id),
            f"{each.margin_shortfall:,.0f}",
            f"{each.margin_shortfall_cross:,.0f}",
        )
        for each in found.positions[:SHOWN]
    ]
    return [*lines, "", *text_table(header, down, right=frozenset({3, 4})).splitlines(), *_more(found.positions_taking_down, "isolation_positions")]


def _more(number: int, table: str) -> list[str]:
    return [f"  and {number - SHOWN:,} more: see {table}"] if number > SHOWN else []
