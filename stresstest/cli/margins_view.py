"""A margin model in words and tables: what `margins show` prints above the file itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from stresstest.cli.output import text_table
from stresstest.margin.rulebook import AddOn, AmountPair, CollateralSchedule, GridRow, MarginSchedule, PortfolioModel, Rulebook

WIDTH = 120
_OWN_TABLES = {"kind", "preset", "source", "as_of", "notes", "grid", "add_ons", "assign", "assign_collateral"}
"""Keys of a model that are shown in another form than the rest."""


def model_lines(name: str, rulebook: Rulebook, title: str | None) -> list[str]:
    """The rules of a model: where they come from, grid, add-ons, everything else that is not as by default, schedules that it assigns."""
    model = rulebook.models[name]
    lines = [f"{name}: {title}" if title else name, f"kind {model.kind}" + (f", preset {model.preset}" if model.preset else "")]
    for key in ("source", "as_of", "notes"):
        said = getattr(model, key) or getattr(rulebook, key)
        lines += _wrapped(key.replace("_", " "), str(said)) if said else []
    if isinstance(model, PortfolioModel):
        lines += ["", *_grid(model.grid)]
    if model.add_ons:
        lines += ["", *_add_ons(model.add_ons)]
    settings = {key: getattr(model, key) for key, field in type(model).model_fields.items() if getattr(model, key) != field.get_default()}
    settings = {key: value for key, value in settings.items() if key not in _OWN_TABLES}
    if settings:
        lines += ["", "settings", *(line for key, value in settings.items() for line in _setting(key, value))]
    rows = [
        ("instruments", _plain(each.where), each.margin_schedule, margin_rules(rulebook.margin_schedules[each.margin_schedule]))
        for each in model.assign
    ]
    for other in model.assign_collateral:
        schedule = rulebook.collateral_schedules[other.collateral_schedule]
        rows.append(("collateral", _plain(other.where), other.collateral_schedule, collateral_rules(schedule)))
    if rows:
        lines += ["", *text_table(("assigned to", "where", "schedule", "maintenance / initial"), rows).splitlines()]
    return lines


def margin_rules(schedule: MarginSchedule) -> str:
    """What a margin schedule asks, in one line: rates from each threshold on, maintenance / initial."""
    said = [f"from {each.from_:,.10g}: {_rates(each.maintenance_rate, each.initial_rate)}" for each in schedule.tiers]
    if len(said) == 1:
        said = [said[0].removeprefix("from 0: ")]
    if schedule.amount_per_contract is not None:
        said.append(f"{schedule.amount_per_contract.maintenance:,.10g} / {schedule.amount_per_contract.initial:,.10g} per contract")
    if schedule.short_option is not None:
        said.append("a rule for short options")
    if schedule.size_scaling is not None:
        said.append("rising with size")
    if schedule.open_interest_scaling is not None:
        said.append(f"initial rising to 100 % at an open interest of {schedule.open_interest_scaling.to:,.10g}")
    return "; ".join(said)


def collateral_rules(schedule: CollateralSchedule) -> str:
    """What a collateral schedule takes off, in one line: haircuts from each threshold on, maintenance / initial, and what debts weigh."""
    said = [f"from {each.from_:,.10g}: haircut {_rates(each.haircut, each.initial)}" for each in schedule.bands]
    if len(said) == 1:
        said = [said[0].removeprefix("from 0: ")]
    weight = schedule.liability_weight
    if (weight.maintenance, weight.initial) != (1.0, 1.0):
        said.append(f"debts weigh {_rates(weight.maintenance, weight.initial)}")
    if schedule.size_scaling is not None:
        said.append("less with size")
    if schedule.concentration is not None:
        said.append("less where the venue holds much")
    return "; ".join(said)


def _rates(maintenance: float, initial: float) -> str:
    return f"{maintenance * 100:.6g} % / {initial * 100:.6g} %"


def _grid(rows: tuple[GridRow, ...]) -> Iterator[str]:
    shown: dict[str, list[str]] = {
        "row": [str(number) if row.name is None else f"{number} {row.name}" for number, row in enumerate(rows, start=1)],
        "spot": [_move(row.spot) for row in rows],
        "scan": ["" if row.scan is None else f"{row.scan:+.4g} x range" for row in rows],
        "vol": [_move(row.vol) for row in rows],
        "vol scan": ["" if row.vol_scan is None else f"{row.vol_scan:+.4g} x range" for row in rows],
        "skew": [row.skew or "" for row in rows],
        "forward": [" or ".join(map(_move, row.forward)) for row in rows],
        "weight": [_weight(row) for row in rows],
        "expiries": ["" if row.expiries == "net" else row.expiries for row in rows],
    }
    kept = {key: cells for key, cells in shown.items() if any(cells)}
    yield f"grid of {len(rows)} rows: the worst loss of a risk group"
    table = text_table(tuple(kept), list(zip(*kept.values(), strict=True)), right=frozenset(range(1, len(kept))))
    yield from (f"  {line}" for line in table.splitlines())


def _move(shift: float | None) -> str:
    return "" if shift is None else f"{shift * 100:+.4g} %"


def _weight(row: GridRow) -> str:
    yearly = f" + {row.weight_per_year:.4g} a year" if row.weight_per_year else ""
    return f"{row.weight:.4g}{yearly}" if row.weight != 1.0 or yearly else ""


def _add_ons(lines: tuple[AddOn, ...]) -> Iterator[str]:
    yield "add-ons: maintenance / initial"
    rows = []
    for line in lines:
        of = f"{line.part} {line.of}".removeprefix("net ") + (f", net by {line.net}" if line.net != "position" else "")
        extra = [
            *(["least of a risk group"] if line.combine == "floor" else []),
            *(["times loss factor"] if line.loss_factor else []),
            *([f"times 1 - confidence below {line.confidence_below:g}"] if line.confidence_below is not None else []),
            *([f"times depeg of {line.depeg.asset} below {line.depeg.threshold:g}"] if line.depeg is not None else []),
        ]
        rows.append((line.name, ", ".join(filter(None, (_plain(line.where), line.side))), of, _price(line), ", ".join(extra)))
    yield from (f"  {row}" for row in text_table(("line", "where", "of", "price", ""), rows).splitlines())


def _price(line: AddOn) -> str:
    pair: AmountPair | None = line.rate or line.amount
    if pair is not None:
        return (
            _rates(pair.maintenance, pair.initial)
            if line.rate
            else f"{pair.maintenance:,.10g} / {pair.initial:,.10g} per {line.of.removesuffix('s')}"
        )
    unit = "days" if line.basis == "days" else ""
    return "; ".join(f"from {each.from_:,.10g} {unit}".rstrip() + f": {_rates(each.maintenance_rate, each.initial_rate)}" for each in line.tiers)


def _setting(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        yield f"  {key}:"
        yield from (f"    {_plain(each)}" for each in value)
    else:
        yield f"  {key}: {_plain(value)}"


def _plain(value: Any) -> str:
    """A value as people read it: keys without quotes or braces, what is null or not given left out."""
    if value is None:
        return "all"
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key} {f'({inner})' if isinstance(each, Mapping) else inner}" for key, each in value.items() for inner in (_plain_entry(each),)
        )
    return _plain_entry(value)


def _plain_entry(value: Any) -> str:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, (list, tuple)):
        return " | ".join("open" if each is None else _plain_entry(each) for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "itself" if value is None else f"{value:,.10g}" if isinstance(value, float) else str(value)


def _wrapped(key: str, text: str) -> list[str]:
    return textwrap.wrap(f"{key}: {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
