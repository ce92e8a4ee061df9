"""The kind `portfolio`: the worst loss of a risk group over a grid of spot and vol moves, offsets between groups, add-ons line by line.

Formulas: docs/methodology.md, section 4. Everything moves on top of the state at which the account is looked at.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stresstest.documents import Amount, Flag, Found, Name, Number, Part, Ratio, problem, raise_all
from stresstest.margin.rulebook.add_ons import AddOn, Depeg, check_names
from stresstest.margin.rulebook.models import BalanceRules
from stresstest.margin.rulebook.pairs import ONE, Amounts, RatioPair, Ratios, not_empty
from stresstest.scenarios.model import Term, Where

Shift = Annotated[Number, Field(gt=-1)]


class GridRow(Part):
    """One row of the grid: what moves, and how the moves of a risk group become its P&L.

    `spot`: relative move of the group's underlyings, or `scan`: a multiple of the group's scan range (below zero of its range down).
    `vol`: shift of every vol, `vol_scan`: a multiple of the group's vol range, `skew`: a shift by strike, in its linear or its absolute
    form. `forward`: relative moves of forwards and dated futures alone, spot unmoved; of two the worse. The P&L of things of one expiry T
    is added up, discounted (unless `discounted: false`) and multiplied by `weight + weight_per_year * T`; then `expiries: net` adds
    the expiries, `losses` adds those below zero, `absolute` counts each as a loss of its absolute value.
    """

    name: Name | None = None
    spot: Shift | None = None
    scan: Number | None = None
    vol: Number | None = None
    vol_scan: Number | None = None
    skew: Literal["linear", "absolute"] | None = None
    forward: Annotated[tuple[Shift, ...], Field(max_length=2)] = ()
    weight: Amount = 1.0
    weight_per_year: Amount = 0.0
    expiries: Literal["net", "losses", "absolute"] = "net"
    discounted: Flag = True

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        found: Found = []
        if self.spot is not None and self.scan is not None:
            found.append((("scan",), problem("is given beside `spot`", "Keep one of the two.")))
        if sum(each is not None for each in (self.vol, self.vol_scan, self.skew)) > 1:
            found.append(((), problem("moves vols in two ways", "Keep one of `vol`, `vol_scan` and `skew`.")))
        if len(self.forward) == 2 and self.expiries == "net":
            hint = "Set `expiries: losses`, so that each expiry takes the worse of the two."
            found.append((("forward",), problem("two moves need a rule for each expiry", hint)))
        raise_all("row", found)
        return self


class SpotRange(Part):
    """A scan range down and up, both as positive shares of the price."""

    down: Ratio
    up: Amount


def _either_way(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"down": value, "up": value}
    return value


SpotRanges = Annotated[SpotRange, BeforeValidator(_either_way, json_schema_input_type=SpotRange | Ratio)]


class ScanRange(Part):
    """Scan ranges of the risk groups whose instruments pass `where` (null: all): how far a row's `scan` or `vol_scan` of one moves them."""

    where: Where | None = None
    spot: SpotRanges = SpotRange(down=0.0, up=0.0)
    vol: Amount = 0.0


class VolFloor(Part):
    """A vol that a row shifts up ends at least here."""

    up: Amount = 0.0


class Discount(Part):
    """Factor `base * exp(-+ (rate_multiple * r + rate_add) * T)` on the value of an expiry: minus for positive values, plus for negative ones."""

    base: Amount = 1.0
    rate_multiple: Amount = 0.0
    rate_add: Amount = 0.0


class ExpiryDiscount(Part):
    """What a row's value of an expiry is multiplied by, by the sign of that value; r is the rate of the strike's currency, not below zero.

    A negative value is never marked up above its undiscounted one: its factor is at most exp(+r*T).
    """

    positive: Discount = Discount()
    negative: Discount | None = None


class SkewCap(Part):
    """Largest relative shift of a vol by skew: `base + slope * sqrt(T)`."""

    base: Number
    slope: Number = 0.0


class Skew(Part):
    """How `skew` rows shift the vol of a strike K: by min(cap, |k| * cap / k_star), k = ln(K/F); in the linear form with the sign of k.

    cap = base + slope * sqrt(T); k_star = max(min_width, width * sqrt(T) * (static + scale * sqrt(T))).
    """

    linear: SkewCap
    absolute: SkewCap
    width: Amount
    static: Number
    scale: Number = 0.0
    min_width: Annotated[Number, Field(gt=0)]


class Offset(Part):
    """Risk groups that offset each other row by row: in a row, a group's gain counts at `rate` against the losses of the others."""

    groups: Annotated[tuple[Name, ...], Field(min_length=2)]
    rate: Ratio


class Credit(Part):
    """A spread credit between two risk groups whose deltas have opposite signs (`same_side`: the same sign); earlier credits come first.

    With deltas d left over from earlier credits, n = min(|d_1|/ratio_1, |d_2|/ratio_2) spreads are formed; each group's scan loss is
    reduced by rate * n * ratio_i / |delta_i| of itself.
    """

    groups: tuple[Name, Name]
    ratio: tuple[Annotated[Number, Field(gt=0)], Annotated[Number, Field(gt=0)]] = (1.0, 1.0)
    rate: Ratio
    same_side: Flag = False


class CorrelatedPair(Part):
    """The correlation of the losses of two risk groups."""

    groups: tuple[Name, Name]
    value: Annotated[Number, Field(ge=-1, le=1)]


class Correlation(Part):
    """Scan losses L_i of the groups come together as sqrt(sum of rho_ij * L_i * L_j), not below zero; pairs not named have `default`."""

    default: Annotated[Number, Field(ge=-1, le=1)] = 1.0
    pairs: tuple[CorrelatedPair, ...] = ()


def _by_name(value: object) -> object:
    """Hedges as a list: each asset moves with its own risk group."""
    return dict.fromkeys(value) if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value) else value


Hedges = Annotated[dict[Name, Name | None], BeforeValidator(_by_name, json_schema_input_type=dict[Name, Name | None] | list[Name])]


class PortfolioModel(BalanceRules):
    """A margin model of kind `portfolio`: for every risk group the worst loss over the rows of `grid`, offsets, and add-ons.

    `hedges`: collateral that moves inside the grid in place of its haircut (`haircut_and_grid: true`: both); `{RSWETH: ETH}` names the
    risk group it moves with. `loss_factor` multiplies the scan loss, and add-ons that say so; its initial part is raised by
    `loss_factor_depeg`. `max_loss_cap: true`: the scan loss of a risk group held in options alone is at
    most what it can still lose at expiry. At most one of `offsets`, `credits`, `correlation`.
    """

    kind: Literal["portfolio"]
    long_option_credit: Ratios = RatioPair(maintenance=1.0, initial=1.0)
    grid: Annotated[tuple[GridRow, ...], AfterValidator(not_empty), Field(max_length=128)]
    scan_ranges: tuple[ScanRange, ...] = ()
    vol_shift: Literal["relative", "absolute"] = "relative"
    vol_term: Term | None = None
    vol_floor: VolFloor = VolFloor()
    skew: Skew | None = None
    expiry_discount: ExpiryDiscount | None = None
    loss_factor: Amounts = ONE
    loss_factor_depeg: Depeg | None = None
    max_loss_cap: Flag = False
    offsets: tuple[Offset, ...] = ()
    credits: tuple[Credit, ...] = ()
    correlation: Correlation | None = None
    add_ons: tuple[AddOn, ...] = ()
    hedges: Hedges = Field(default={})
    haircut_and_grid: Flag = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found: Found = []
        for number, row in enumerate(self.grid):
            if row.skew is not None and self.skew is None:
                found.append((("grid", number, "skew"), problem("needs `skew` of the model, which is missing", "Say how skew shifts vols.")))
            if (row.scan is not None or row.vol_scan is not None) and not self.scan_ranges:
                found.append((("grid", number), problem("multiplies a scan range, and there are none", "Give `scan_ranges`.")))
        names = self.row_names
        for number, name in enumerate(names):
            if name in names[:number]:
                found.append((("grid", number), problem(f"is a second row {name}", "Give the rows names that differ.")))
        seen: set[str] = set()
        for number, offset in enumerate(self.offsets):
            twice = sorted(group for group in offset.groups if group in seen or offset.groups.count(group) > 1)
            if twice:
                hint = "Each risk group offsets within one list."
                found.append((("offsets", number, "groups"), problem(f"risk group {twice[0]} is listed twice", hint)))
            seen.update(offset.groups)
        given = [key for key in ("offsets", "credits", "correlation") if getattr(self, key)]
        if len(given) > 1:
            found.append(((given[1],), problem(f"is given beside `{given[0]}`", "Groups come together in one way.")))
        found += check_names(self.add_ons)
        raise_all("model", found)
        return self

    @property
    def without_haircut(self) -> frozenset[str]:
        """Hedges, which move in the grid in place of their haircut."""
        return frozenset() if self.haircut_and_grid else frozenset(self.hedges)

    @property
    def row_names(self) -> tuple[str, ...]:
        """The names of the grid's rows: their own, else what they move, such as `spot -15 % vol +40 %`."""
        return tuple(row.name or _described(row) for row in self.grid)


def _described(row: GridRow) -> str:
    def percent(label: str, value: float | None, unit: str = " %") -> list[str]:
        return [] if value is None else [f"{label} {value * 100:+.4g}{unit}"]

    def multiple(label: str, value: float | None) -> list[str]:
        return [] if value is None else [f"{label} {value:+.4g} x"]

    words: list[Any] = [
        *percent("spot", row.spot),
        *multiple("scan", row.scan),
        *percent("vol", row.vol),
        *multiple("vol scan", row.vol_scan),
        *([f"{row.skew} skew"] if row.skew else []),
        *(["forward " + " / ".join(f"{shift * 100:+.4g} %" for shift in row.forward)] if row.forward else []),
    ]
    return " ".join(words) or "unmoved"
