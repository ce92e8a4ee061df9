"""Add-ons in the terminal view of an explanation: line by line, net by net, tier by tier."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.table import Table
from rich.text import Text

from stresstest.cli.explain_blocks import QUIET, STRONG, VERSIONS, Row, add_row, both, factored, figures_table, step, strong_name, total
from stresstest.cli.figures import interval, money_of, number, percent
from stresstest.cli.output import printable

MOST_NETS = 50
"""Nets of a line that are shown; the others, the smallest, become one line."""

_NETS = {
    "position": "",
    "strike": ", net by strike",
    "expiry": ", net by expiry",
    "underlying": ", net by underlying",
    "risk_group": ", net by risk group",
}


def add_ons_table(nets: list[Row]) -> Table:
    """Every line with its nets, and the sum of the lines that are added; floors are in the scan losses."""
    table = figures_table("line, net", "measure", "rate MM", "rate IM", "MM", "IM")
    added = [net for net in nets if net["combine"] == "add"]
    totals = [total(added, f"requirement_{version}") for version in VERSIONS]
    show = money_of([*totals, *(amount for net in nets for amount in both(net, "amount"))])
    for _, of_line in groupby(nets, key=lambda net: net["line"]):
        line = list(of_line)
        first = line[0]
        floor = ", floor" if first["combine"] == "floor" else ""
        about = f"  {first['of'].replace('_', ' ')}{_NETS[first['net']]}{', hedged part' if first['long'] is not None else ''}{floor}"
        add_row(table, Text.assemble(strong_name(first["line"]), about))
        shown = sorted(line, key=lambda net: -net["size"])[:MOST_NETS] if len(line) > MOST_NETS else line
        for net in shown:
            for text, measure, rates, amounts in _net(net):
                texts = map(percent, rates) if rates and first["of"] not in ("contracts", "units") else map(number, rates) if rates else ("", "")
                add_row(table, step(text), measure, *texts, *(map(show, amounts) if amounts else ("", "")), style=QUIET)
        if len(shown) < len(line):
            kept = {id(net) for net in shown}
            rest = [net for net in line if id(net) not in kept]
            add_row(table, step(f"{len(rest):,} others"), "", "", "", *(show(total(rest, f"amount_{version}")) for version in VERSIONS), style=QUIET)
        factors = both(first, "loss_factor")
        if any(factor != 1.0 for factor in factors):
            about = f"x loss factor {' / '.join(f'{factor:g}' for factor in factors)}"
            add_row(table, step(about), "", "", "", *(show(total(line, f"unscaled_{version}")) for version in VERSIONS), style=QUIET)
        figure, text = ("unscaled", "the least that the group needs") if floor else ("requirement", factored(first))
        add_row(table, step(text), "", "", "", *(show(total(line, f"{figure}_{version}")) for version in VERSIONS))
    add_row(table, "sum", "", "", "", *map(show, totals), style=STRONG)
    return table


def _net(net: Row) -> Iterator[tuple[str, str, list[float] | None, list[float] | None]]:
    """Text, measure, rates and amounts of a net, and of its tiers."""
    depeg = f", x depeg {net['depeg']:.10g}" if net["depeg"] != 1.0 else ""
    name = printable(net["subject"])
    if net["long"] is not None:
        name += f", of {number(net['long'])} long and {number(net['short'])} short"
    rates = None if net["tiers"] else both(net, "rate")
    yield name + depeg, number(net["measure"]), rates, both(net, "amount")
    for tier in net["tiers"]:
        if tier["part"]:
            yield f"  {interval(tier['from'], tier['to'])}", number(tier["part"]), both(tier, "rate"), both(tier, "charge")
