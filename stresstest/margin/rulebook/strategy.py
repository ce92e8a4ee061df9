"""The kind `strategy`: rule-based margin of options and stocks, with recognition of covered positions, spreads and strangles.

Formulas: docs/methodology.md, section 4. Options count in the margin balance at their value, long and short; what the rules ask besides is here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stresstest.documents import Amount, Number, Part, problem, raise_all
from stresstest.margin.rulebook.add_ons import AddOn, check_without_grid
from stresstest.margin.rulebook.models import BalanceRules, InstrumentFilter
from stresstest.margin.rulebook.pairs import ONE, Amounts, RatioPair, Ratios

Positive = Annotated[Number, Field(gt=0)]


class NakedRate(Part):
    """Per unit max(rate * leverage * S - otm, minimum * leverage * base, of_value * V), V the option's own value."""

    rate: Amount
    minimum: Amount
    of_value: Amount = 0.0


class NakedShort(Part):
    """What a naked short option that passes `where` (null: every one) needs besides its value.

    `base` of the minimum is the underlying's price or the strike. `initial_multiple`: the initial requirement with the option's value is at
    least this multiple of the maintenance requirement with it.
    """

    where: InstrumentFilter = None
    maintenance: NakedRate
    initial: NakedRate
    base: Literal["underlying", "strike"] = "underlying"
    initial_multiple: Amount = 0.0


class LongOption(Part):
    """Share of its value that a long option which passes `where` (null: every one) needs when it covers nothing; tenors are those at base."""

    where: InstrumentFilter = None
    rate: Ratios


class Leverage(Part):
    """The daily multiple of an index that the underlyings of options passing `where` (null: all) return."""

    where: InstrumentFilter = None
    factor: Positive


class Shares(Part):
    """Rates on the value of spot positions, long and short."""

    long: Amounts
    short: Amounts


class StrategyModel(BalanceRules):
    """A margin model of kind `strategy`: what is recognised together needs its largest loss, what is left over the rule for naked options.

    `recognition: pairs` (CBOE, Regulation T): equal legs net; shares cover; shorts pair with longs of their type that expire no earlier; what
    is left of shorts pairs into strangles. `expiry_max_loss` (Derive): all options of an underlying and expiry, with `unpaired_scale` times the
    forward for every short call more than long ones. Of each list the first match counts; the last entry of `naked_shorts` must be for all.
    `shares`: rates on spot positions (null: by their margin schedule, if any). `round_to`: what a naked short needs per unit, its value
    included, is rounded to multiples of it, in the currency of the strike, halves to even. `add_ons` are asked besides.
    """

    kind: Literal["strategy"]
    recognition: Literal["pairs", "expiry_max_loss"] = "pairs"
    naked_shorts: tuple[NakedShort, ...]
    long_options: tuple[LongOption, ...] = ()
    leverage: tuple[Leverage, ...] = ()
    shares: Shares | None = None
    unpaired_scale: Amounts = ONE
    round_to: Positive | None = None
    add_ons: tuple[AddOn, ...] = ()
    long_option_credit: Ratios = RatioPair(maintenance=1.0, initial=1.0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = check_without_grid(self.add_ons)
        hint = "Add an entry without `where` at the end, so that every short option has a rule."
        if not self.naked_shorts:
            found.append((("naked_shorts",), problem("has no entries", hint)))
        elif self.naked_shorts[-1].where is not None:
            found.append((("naked_shorts", len(self.naked_shorts) - 1, "where"), problem("leaves options without a rule", hint)))
        lists: tuple[tuple[str, tuple[NakedShort | LongOption | Leverage, ...]], ...] = (
            ("naked_shorts", self.naked_shorts),
            ("long_options", self.long_options),
            ("leverage", self.leverage),
        )
        for name, entries in lists:
            for number, entry in enumerate(entries[:-1]):
                if entry.where is None:
                    found.append(((name, number), problem("hides the entries below it, for it is for all", "Move it to the end.")))
        if self.long_option_credit != RatioPair(maintenance=1.0, initial=1.0):
            hint = "Remove it; what long options need is `long_options`."
            found.append((("long_option_credit",), problem("options count in the balance of a strategy model at their value", hint)))
        if self.recognition == "pairs" and self.unpaired_scale != ONE:
            hint = "Remove it, or set `recognition: expiry_max_loss`."
            found.append((("unpaired_scale",), problem("has no meaning with `recognition: pairs`", hint)))
        raise_all("model", found)
        return self

    @property
    def scheduled_kinds(self) -> frozenset[str]:
        """Kinds of instrument that margin schedules charge: not options, and spot only without rates of its own."""
        return frozenset({"future", "perpetual"} if self.shares else {"spot", "future", "perpetual"})
