"""Add-on lines of a model: what is asked besides its schedules or its scan, line by line. Formulas: docs/methodology.md, section 4."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stresstest.documents import Amount, Flag, Found, Name, Part, Ratio, problem, raise_all
from stresstest.margin.rulebook.pairs import Amounts, From, rising
from stresstest.scenarios.model import Where


class Depeg(Part):
    """What grows while an asset trades below its peg: `factor * max(0, threshold - price)`, price in its price currency."""

    asset: Name
    threshold: Amount
    factor: Amount = 1.0


class AddOnTier(Part):
    """Rates on the part of a measure from `from` (inclusive) to the next tier."""

    from_: From
    maintenance_rate: Amount
    initial_rate: Amount


COUNTED = ("contracts", "units")
"""What has an amount each, in place of a rate."""


class AddOn(Part):
    """A line of the requirement besides schedules or scan.

    Positions that pass `where` and, if given, are on `side` are measured: `notional` (signed), `underlying_notional` (quantity * contract size *
    S), `value`, `contracts`, `units` (quantity * contract size), or `delta` (the gain per relative move of the group's underlyings, from moves
    of 1 % either way). Measures are added within a `net` key (position: none are; strike: underlying, expiry and strike; expiry: underlying and
    expiry) before their size is taken; with `side` a net counts only while it is on that side. `part: hedged` is the smaller of the long and the
    short sum of those nets in their risk group, in place of the sum of their sizes. `rate` (or `amount`, per contract or unit in reporting
    currency) times that is the line; `tiers` have marginal rates, thresholds in reporting currency or (`basis: days`) in days of the
    underlying's `daily_volume` times `participation`. `confidence_below`: only what has a lower confidence c counts, times 1 - c. `depeg`: the
    line is multiplied by the depeg; `loss_factor: true`: by the model's loss factor too. `combine: floor` makes the sum of such lines the least
    that a risk group needs.
    """

    name: Name
    where: Where | None = None
    side: Literal["long", "short"] | None = None
    of: Literal["notional", "underlying_notional", "value", "contracts", "units", "delta"] = "notional"
    net: Literal["position", "strike", "expiry", "underlying", "risk_group"] = "position"
    part: Literal["net", "hedged"] = "net"
    rate: Amounts | None = None
    amount: Amounts | None = None
    tiers: Annotated[tuple[AddOnTier, ...], AfterValidator(rising)] = ()
    basis: Literal["value", "days"] = "value"
    participation: Annotated[Ratio, Field(gt=0)] = 1.0
    confidence_below: Ratio | None = None
    depeg: Depeg | None = None
    loss_factor: Flag = False
    combine: Literal["add", "floor"] = "add"

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        found: Found = []
        given = [name for name, value in (("rate", self.rate), ("amount", self.amount), ("tiers", self.tiers or None)) if value is not None]
        if len(given) != 1:
            what = "has no rate" if not given else f"has {' and '.join(given)}"
            found.append(((), problem(f"add-on {self.name} {what}", "Give one of `rate`, `amount` and `tiers`.")))
        if (self.amount is not None) != (self.of in COUNTED):
            what = f"`of: {self.of if self.of in COUNTED else 'contracts'}` and `amount` belong together"
            found.append((("of",), problem(what, "Give both or neither.")))
        if self.where is not None and self.where.location is not None:
            found.append((("where", "location"), problem("positions have no location", "Remove it.")))
        if self.basis == "days" and not self.tiers:
            found.append(
                (("basis",), problem("`basis: days` is about thresholds of `tiers`, of which there are none", "Remove it, or give `tiers`."))
            )
        if self.basis == "days" and (self.net == "risk_group" or self.part == "hedged"):
            hint = "Net by underlying or less, and leave `part` out."
            found.append((("basis",), problem("days of what a risk group trades: its underlyings have a volume each", hint)))
        if self.part == "hedged" and (self.side is not None or self.net == "risk_group"):
            found.append((("part",), problem("`hedged` is what longs and shorts of a risk group have in common", "Remove `side`; net by less.")))
        if self.loss_factor and self.combine == "floor":
            hint = "Remove `loss_factor`, or multiply the rate."
            found.append((("loss_factor",), problem("multiplies lines that are added; a floor lies under what is multiplied", hint)))
        raise_all("add-on", found)
        return self


def check_names(lines: tuple[AddOn, ...]) -> Found:
    """What is wrong with the names of the add-ons of a model, at their places below it."""
    names = [line.name for line in lines]
    return [
        (("add_ons", number, "name"), problem(f"is a second add-on {name}", "Each line of a result needs a name of its own."))
        for number, name in enumerate(names)
        if name in names[:number]
    ]


def check_without_grid(lines: tuple[AddOn, ...]) -> Found:
    """What is wrong with the add-ons of a model that scans no grid, at their places below it."""
    found = check_names(lines)
    for number, line in enumerate(lines):
        if line.of == "delta":
            hint = "Measure `notional` or `underlying_notional`, or use `kind: portfolio`."
            found.append((("add_ons", number, "of"), problem("`delta` is of models of kind portfolio", hint)))
        if line.combine == "floor":
            hint = "Leave it out, or use `kind: portfolio`."
            found.append((("add_ons", number, "combine"), problem("a floor is under the scan loss of a risk group, and there is none", hint)))
        if line.loss_factor:
            found.append((("add_ons", number, "loss_factor"), problem("is of models of kind portfolio", "Multiply the rate.")))
    return found
