"""How sales move prices, as the run file states it: `cascade.impact`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    Tag,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from stresstest.documents import Found, Name, Number, Part, as_list, once, problem, raise_all, resembling, shown, with_rules

Positive = Annotated[Number, Field(gt=0)]
ByAsset = Annotated[dict[Name, Positive], Field(min_length=1)]


def _shape(value: object) -> str:
    return "by asset" if isinstance(value, dict) else "number"


OneOrByAsset = Annotated[Annotated[Positive, Tag("number")] | Annotated[ByAsset, Tag("by asset")], Discriminator(_shape)]
"""One number for all assets, or a number for each of some; the others have what the snapshot states."""


def _beside_its_assets(data: object, keys: tuple[str, ...]) -> Found:
    """Parameters for assets that the entry does not speak of: they would do nothing."""
    if not isinstance(data, dict) or data.get("assets") is None:
        return []
    assets = as_list(data["assets"])
    named = {each for each in assets if isinstance(each, str)} if isinstance(assets, (list, tuple)) else set()
    given = [(key, asset) for key in keys if isinstance(data.get(key), dict) for asset in data[key]]
    hint = "Add it to `assets`, or remove it here."
    return [((key, asset), problem(f"is not among the `assets` of this impact: {shown(asset)}", hint)) for key, asset in given if asset not in named]


def _one_depth(data: object) -> Found:
    """Several statements of one depth: which would count is left open."""
    given = [key for key in ("depth", "slope", "from_volume") if isinstance(data, dict) and data.get(key) is not None]
    hint = "Keep one; other assets take another in an entry of their own, with `assets`."
    return [((key,), problem(f"stands beside `{given[0]}`, which says the same", hint)) for key in given[1:]]


class _Impact(Part):
    """What every kind has: `assets`, those it is for; null: all that no entry before it names."""

    assets: Annotated[tuple[Name, ...], BeforeValidator(as_list), AfterValidator(once), Field(min_length=1)] | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        maps = tuple(each.alias or name for name, each in cls.model_fields.items() if name != "from_volume")
        return with_rules("impact", handler, data, [*_beside_its_assets(data, maps), *_one_depth(data)])

    def stated(self) -> Iterator[tuple[str, object]]:
        """The keys of the kind with what is stated, number or mapping."""
        for name, info in type(self).model_fields.items():
            if name not in ("kind", "assets"):
                yield info.alias or name, getattr(self, name)


class FromVolume(Part):
    """Depth from traded volume: D = c * daily_volume / daily_vol * sqrt(horizon_days).

    R. Cont and E. Schaanning, *Fire sales, indirect contagion and systemic stress testing*, Norges Bank working paper 2/2017, use c of about 0.4 and
    20 days for bonds.
    """

    c: Positive = 0.4
    horizon_days: Positive = 20.0


class LinearImpact(_Impact):
    """The price falls by the same amount with every unit: `depth` is the notional at snapshot price, in reporting currency, that would take it to
    zero, `slope` the fall in price currency per unit; `from_volume` makes a depth of the traded volume. Without any: `assets.depth`.
    """

    kind: Literal["linear"]
    depth: OneOrByAsset | None = None
    slope: ByAsset | None = None
    from_volume: FromVolume | None = None


class ExponentialImpact(_Impact):
    """The price falls by the share 1 - exp(-lambda) with every unit sold."""

    model_config = ConfigDict(serialize_by_alias=True)

    kind: Literal["exponential"]
    decay: Annotated[OneOrByAsset, Field(alias="lambda")]


class SquareRootImpact(_Impact):
    """The price falls by the share y * daily_vol * sqrt(notional sold / daily_volume), of all that was sold since the shock.

    `daily_vol` a decimal and `daily_volume` in reporting currency; null: those of the snapshot's assets.
    """

    kind: Literal["square_root"]
    y: OneOrByAsset = 1.0
    daily_vol: OneOrByAsset | None = None
    daily_volume: OneOrByAsset | None = None


class TableImpact(_Impact):
    """The price walks an order book: `table`, a Parquet or CSV file with the columns asset, side (bid or ask), price and quantity."""

    kind: Literal["depth_table"]
    table: Name


class NoImpact(_Impact):
    """Sales do not move the price."""

    kind: Literal["none"]


Impact = LinearImpact | ExponentialImpact | SquareRootImpact | TableImpact | NoImpact
KINDS: dict[str, type[Impact]] = {
    "linear": LinearImpact, "exponential": ExponentialImpact, "square_root": SquareRootImpact, "depth_table": TableImpact, "none": NoImpact,
}  # fmt: skip


def _of_its_kind(value: Any, _: ValidatorFunctionWrapHandler) -> Impact:
    """The impact by its `kind`, so that only the keys of that kind are known."""
    if isinstance(value, Impact):
        return value
    if not isinstance(value, dict):
        raise problem(f"must be a mapping of keys to values, not {shown(value)}", "Write, for example, {kind: linear}.")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        what = "`kind` is missing" if kind is None else f"must be one of {', '.join(KINDS)}, not {shown(kind)}"
        hint = f"Kinds: {', '.join(KINDS)}." if kind is None else resembling(str(kind), list(KINDS))
        raise_all("impact", [(("kind",), problem(what, hint))])
    return KINDS[str(kind)].model_validate(value)


AnyImpact = Annotated[Impact, WrapValidator(_of_its_kind, json_schema_input_type=Impact)]


def rest_last(impacts: tuple[Impact, ...]) -> tuple[Impact, ...]:
    """The impacts, if only the last speaks of all assets and none speaks only of assets that others took: nothing after or behind those counts."""
    found: Found = []
    hint = "Name its `assets`, or put it last: the first entry that speaks of an asset counts."
    if not impacts:
        raise problem("an empty list says nothing", "Write {kind: none} where sales move no price.")
    found += [
        ((number,), problem("takes all assets, and entries follow it", hint)) for number, each in enumerate(impacts[:-1]) if each.assets is None
    ]
    taken: set[str] = set()
    for number, each in enumerate(impacts):
        again = sorted(set(each.assets or ()) & taken)
        if again:
            what = f"{', '.join(map(shown, again))} stands in an entry before this one, which counts"
            found.append(((number, "assets"), problem(what, "Name every asset once.")))
        taken |= set(each.assets or ())
    raise_all("impact", found)
    return impacts


def located(impacts: Sequence[Impact], place: Callable[[str], str]) -> tuple[Impact, ...]:
    """The impacts with the paths of their tables as `place` gives them."""
    return tuple(each.model_copy(update={"table": place(each.table)}) if isinstance(each, TableImpact) else each for each in impacts)
