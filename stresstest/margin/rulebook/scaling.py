"""Settings that let rates and weights depend on size: of a position, of what a venue holds in all, or on prices kept low and high.

Formulas: docs/methodology.md, section 4. All are null by default; then nothing depends on size.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from stresstest.documents import Amount, Flag, Number, Part, problem, raise_all
from stresstest.margin.rulebook.pairs import Amounts, From, both

Above = Annotated[Number, Field(gt=0)]


class RateScaling(Part):
    """Rates of a margin schedule grow with the size of the position: each rate r becomes max(r, `rate_share` * r + `factor` * g).

    `growth: square_root`: g = sqrt(|Q| * contract size); `skew`: g = |Q| / `skew_scale` of the instrument. `floor_to`: the grown rate is
    rounded down to a multiple of it.
    """

    growth: Literal["square_root", "skew"] = "square_root"
    factor: Amounts
    rate_share: Amount = 1.0
    floor_to: Above | None = None


class OpenInterestScaling(Part):
    """The initial rate rises in a straight line to 1 while open interest, at the mark and in the schedule's currency, rises from `from` to `to`."""

    from_: From
    to: Amount

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.to <= self.from_:
            hint = "Give the open interest at which the initial rate is 1."
            raise_all("open interest", [(("to",), problem(f"must be above `from`, {self.from_:g}", hint))])
        return self


class WeightScaling(Part):
    """Weights of a balance change with its own size, u units of the asset.

    Of a deposit at most `asset_numerator / (1 + factor * sqrt(u))` of a band counts; a debt weighs at least `liability_share` of its weight plus
    `factor * sqrt(u)`. `floor_to`: both are rounded down to a multiple of it.
    """

    factor: Amounts
    asset_numerator: Amount = 1.0
    liability_share: Amount = 1.0
    floor_to: Above | None = None


class LevelPair(Part):
    """An optional positive level for the maintenance and the initial calculation; null = none."""

    maintenance: Above | None = None
    initial: Above | None = None


Levels = Annotated[LevelPair, BeforeValidator(both, json_schema_input_type=LevelPair | Above)]


class Concentration(Part):
    """Weights follow what the whole venue holds of the asset, in the schedule's currency (null = reporting currency).

    Above `deposits_above` what counts of a deposit is multiplied by `deposits_above / deposits`, above `borrows_above` the weight of a debt by
    `borrows / borrows_above`; deposits and borrows are `pool_deposits` and `pool_borrows` of the asset at its price.
    """

    deposits_above: Levels = LevelPair()
    borrows_above: Levels = LevelPair()


class ConservativePrices(Part):
    """In which calculation prices are the lower of price and `price_low` for what is owned, the higher of price and `price_high` for what is owed.

    `marks: true` moves the marks of futures and perpetuals in the same way with their underlying's: long positions low, short ones high.
    """

    maintenance: Flag = False
    initial: Flag = True
    marks: Flag = False
