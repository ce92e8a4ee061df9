"""The page of weighted scenarios: how the book's loss is spread, which accounts are most likely to fail, which owners to lose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from stresstest.report.answer import Record
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, rank_cell, status_cell, text_cell
from stresstest.report.charts.histogram import nice_step
from stresstest.report.formats import Scale, count, money, named, number, percent, plural_count, scale_for, scaled, shortened, shown, significant
from stresstest.report.parts import Bucket, Cell, Column, Histogram, Mark, Pair, PairedBars, Row, TableView
from stresstest.report.view import DrawsPage, FamilyCharts
from stresstest.results.draws import DrawFigures
from stresstest.stress.families import Family, Stated, weighted_families
from stresstest.tables import DRAW_LEVELS, MOST_OWNERS

DRAWN = 2
"""Families that have charts."""
LISTED, PRINTED_ACCOUNTS, PRINTED_OWNERS = 200, 12, 10
BUCKETS = 32
"""Buckets of the histogram, about."""
SHOWN_LEVEL = 0.975
"""The level that sentences and the histogram speak of: that of the Basel Committee's market risk standard (MAR33)."""
EDGES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5)
"""Where one bucket of probabilities ends and the next begins; an edge belongs to the bucket above it."""

_FIGURES = {"loss": "Loss of the book", "margin_shortfall": "Margin shortfall", "uncollateralised_loss": "Uncollateralised loss"}


def draws_page(
    tables: Mapping[str, pl.DataFrame],
    figures: Sequence[DrawFigures],
    scenarios: Sequence[Record],
    names: Mapping[str, str | None],
    currency: str,
    accounts: int,
) -> DrawsPage | None:
    """The page of a run with weighted scenarios; None for one without.

    Args:
        tables: by name, `tables.DRAW_TABLES`.
        figures: `draws` of the run's summary.
        scenarios: rows of `scenario_summary`.
        names: display names of accounts, as far as they have one.
        currency: the reporting currency, as it is shown.
        accounts: how many the book has.
    """
    if not figures:
        return None
    families = weighted_families(Stated(row["scenario_id"], row["family"], row["horizon_days"], row["weight"]) for row in scenarios)
    probable, several = tables["account_probabilities"], len(figures) > 1
    # Largest first, since the first is what the page speaks of.
    ordered = sorted(zip(figures, families, strict=True), key=lambda pair: -pair[0].scenarios)
    figures = [told for told, _ in ordered]
    return DrawsPage(
        _summary(ordered[0][0], probable, names, currency, accounts) + (_others(ordered[1:]) if several else ""),
        tuple(_charts(place, told, family, scenarios, probable) for place, (told, family) in enumerate(ordered[:DRAWN])),
        _book_table(tables["draw_statistics"], figures, currency),
        _accounts_table(_ordered(probable, figures), names, several, currency, accounts),
        _owners_table(_ordered(tables["owner_distribution"], figures), several, currency),
    )


# ---------------------------------------------------------------- in words


def _of(figures: DrawFigures) -> str:
    return f"{plural_count(figures.scenarios, 'scenario')} over {_days(figures.horizon_days)}"


def _days(days: float) -> str:
    return f"{significant(days)} day{'' if days == 1 else 's'}"


def _plus(value: float | None, text: str) -> str:
    return "" if value is None else f" (± {text})"


def _summary(figures: DrawFigures, probable: pl.DataFrame, names: Mapping[str, str | None], currency: str, accounts: int) -> str:
    tail = next(each for each in figures.tails if each.level == SHOWN_LEVEL)
    error = tail.expected_shortfall_standard_error
    text = (
        f"{shown(figures.family)}: {_of(figures)}. In the worst {_part(SHOWN_LEVEL)} of them, by probability, the book loses {currency} "
        f"{money(tail.expected_shortfall)} on average{_plus(error, money(error))}; over all of them {money(figures.expected_loss)}. "
    )
    text += (
        f"The probability that an owner is in default is {percent(figures.probability_of_a_default, 1)}"
        f"{_plus(figures.probability_of_a_default_standard_error, percent(figures.probability_of_a_default_standard_error, 1))}. "
    )
    sound = _sound(probable).filter((pl.col("family") == figures.family) & (pl.col("horizon_days") == figures.horizon_days))
    failing = sound.filter(pl.col("p_liquidation") > 0.0)
    if failing.is_empty():
        text += f"Of {plural_count(accounts, 'account')} none that is sound at base is in liquidation or default in any of them."
    else:
        first = _likeliest(failing).row(0, named=True)
        who = shortened(named(names.get(first["account_id"]), first["account_id"]), 40)
        text += (
            f"{count(failing.height)} of {plural_count(accounts, 'account')}, sound at base, {'is' if failing.height == 1 else 'are'} in "
            f"liquidation or default in some of them; the most likely to default, {who}, with a probability of {percent(first['p_default'], 1)}, "
            f"and of {percent(first['p_liquidation'], 1)} to be liquidated or worse."
        )
    if tail.scenarios_in_tail < 10:
        of = plural_count(tail.scenarios_in_tail, "scenario")
        text += f" The worst {_part(SHOWN_LEVEL)} are no more than {of}: what is said of them is rough."
    if not math.isclose(figures.stated_weight, 1.0, rel_tol=1e-6):
        text += f" The weights add up to {significant(figures.stated_weight)}, not to 1; probabilities are weights over that."
    return text


def _others(others: Sequence[tuple[DrawFigures, Family]]) -> str:
    listed = "; ".join(f"{shown(told.family)}, {_of(told)}" for told, _ in others[:4])
    more = f"; and {len(others) - 4} more" if len(others) > 4 else ""
    return f" Also weighted, and in the tables below: {listed}{more}."


def _part(level: float) -> str:
    return percent(1.0 - level, 1).replace(".0", "")


# ---------------------------------------------------------------- charts


def _charts(place: int, figures: DrawFigures, family: Family, scenarios: Sequence[Record], probable: pl.DataFrame) -> FamilyCharts:
    losses = [0.0 - scenarios[row]["pnl"] for row in family.scenarios.tolist()]
    tail = next(each for each in figures.tails if each.level == SHOWN_LEVEL)
    own = probable.filter((pl.col("family") == figures.family) & (pl.col("horizon_days") == figures.horizon_days))
    return FamilyCharts(
        f"{shown(figures.family)}, {_of(figures)}",
        f"draws_loss_{place}",
        histogram(losses, family.weights.tolist(), tail.value_at_risk, tail.expected_shortfall),
        f"draws_accounts_{place}",
        _probability_bars(own),
    )


def histogram(losses: Sequence[float], weights: Sequence[float], at_risk: float, shortfall: float) -> Histogram | None:
    """Losses in some thirty buckets of a round width; what is at the value at risk or above is of the worst part. None where nothing is lost or won.

    Args:
        losses: of every scenario.
        weights: their probabilities.
        at_risk: value at risk.
        shortfall: expected shortfall, at the same level.
    """
    low, high = min(losses), max(losses)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        return None
    width = nice_step((high - low) / BUCKETS)
    first = math.floor(low / width)
    number_of = math.floor(high / width) - first + 1
    probability, worst = [0.0] * number_of, [0.0] * number_of
    for loss, weight in zip(losses, weights, strict=True):
        place = min(max(math.floor(loss / width) - first, 0), number_of - 1)
        probability[place] += weight
        worst[place] += weight if loss >= at_risk else 0.0
    buckets = tuple(Bucket((first + k) * width, (first + k + 1) * width, probability[k], worst[k]) for k in range(number_of))
    level = f"{SHOWN_LEVEL * 100:g} %"
    return Histogram(buckets, (Mark(f"value at risk {level}", at_risk, worst=False), Mark("expected shortfall", shortfall, worst=True)))


def _probability_bars(own: pl.DataFrame) -> PairedBars:
    """Accounts by probability of default (narrow) and of liquidation or default (wide), of those sound at base."""
    sound = _sound(own)
    pairs = []
    for lower, upper in zip((0.0, *EDGES), (*EDGES, math.inf), strict=True):
        inside = [
            sound.filter((pl.col(name) >= lower) & (pl.col(name) < upper) & (pl.col(name) > 0.0)).height for name in ("p_default", "p_liquidation")
        ]
        label = (
            f"below {_edge(upper)}"
            if lower == 0.0
            else f"{_edge(lower)} and above"
            if upper == math.inf
            else f"{_edge(lower)} to below {_edge(upper)}"
        )
        pairs.append(Pair(label, float(inside[0]), float(inside[1])))
    return PairedBars(tuple(pairs), "default", "either", whole=True)


def _edge(probability: float) -> str:
    return f"{probability * 100:g} %"


# ---------------------------------------------------------------- tables


def _sound(probable: pl.DataFrame) -> pl.DataFrame:
    """Accounts that have not failed already."""
    return probable.filter(~pl.col("base_status").is_in(["liquidation", "default"]))


def _ordered(rows: pl.DataFrame, figures: Sequence[DrawFigures]) -> pl.DataFrame:
    """The rows with the place of their family on the page."""
    places = [(told.family, told.horizon_days, place) for place, told in enumerate(figures)]
    known = pl.DataFrame(places, schema={"family": pl.String, "horizon_days": pl.Float64, "place": pl.Int64}, orient="row")
    return rows.join(known, on=["family", "horizon_days"], how="left", maintain_order="left")


def _likeliest(probable: pl.DataFrame) -> pl.DataFrame:
    order = ("p_default", "p_liquidation", "margin_shortfall", "account_id", "family", "horizon_days")
    return probable.sort(*order, descending=[True, True, True, False, False, False])


def _amount(row: Record, name: str, scale: Scale) -> Cell:
    error = row[f"{name}_standard_error"]
    return _with_error(scaled(row[name], scale), row[name], scaled(error, scale) if error else None)


def _with_error(value: str, order: float, error: str | None) -> Cell:
    return Cell(value, order, "zero" if order == 0.0 else "negative" if order < 0.0 else "", below="" if error is None else f"± {error}")


def _percent_with_error(value: float, error: float) -> Cell:
    def plain(ratio: float) -> str:
        return percent(ratio, 1).removesuffix("\N{NO-BREAK SPACE}%")

    return _with_error(plain(value), value, plain(error) if error > 0.0 else None)


def _family_cell(family: str, days: float) -> Cell:
    cell = text_cell(family, 24)
    return Cell(cell.text, cell.order, full=cell.full, below=_days(days))


_CHANCE = "Below a figure is its Monte Carlo standard error: what chance in the draws may have done to it, taking the scenarios as independent draws."


_FIRST = "The largest family of scenarios comes first."


def _book_table(statistics: pl.DataFrame, families: Sequence[DrawFigures], currency: str) -> TableView:
    records = statistics.filter(pl.col("figure") != "owners_in_default").to_dicts()
    scale = scale_for([row["value"] for row in records])
    unit = scale.unit(currency)
    risk, tail = "Value at risk", "Expected shortfall"
    columns = (
        Column("Scenarios", "text", 16),
        Column("Figure", "text", 15),
        Column("Mean", "number", 8, unit),
        Column("Standard deviation", "number", 9, unit),
        *(Column(f"{level * 100:g} %", "number", 8, unit, risk) for level in DRAW_LEVELS),
        *(Column(f"{level * 100:g} %", "number", 8, unit, tail) for level in DRAW_LEVELS),
        Column("In the tail", "number", 7, f"at {DRAW_LEVELS[-1] * 100:g} %"),
    )
    found: dict[tuple[object, ...], Record] = {
        (row["family"], row["horizon_days"], row["figure"], row["measure"], row["level"]): row for row in records
    }
    rows = []
    for told in families:
        for figure, label in _FIGURES.items():
            cells = []
            measures: list[tuple[str, float | None]] = [("mean", None), ("standard_deviation", None)]
            measures += [(measure, level) for measure in ("value_at_risk", "expected_shortfall") for level in DRAW_LEVELS]
            for measure, level in measures:
                row = found.get((told.family, told.horizon_days, figure, measure, level))
                if row is None:
                    cells.append(amount_cell(None, scale))
                else:
                    error = row["standard_error"]
                    cells.append(_with_error(scaled(row["value"], scale), row["value"], scaled(error, scale) if error else None))
            name = text_cell(told.family, 24)
            about = Cell(name.text, name.order, full=name.full, below=_of(told))
            last = found[told.family, told.horizon_days, figure, "expected_shortfall", DRAW_LEVELS[-1]]
            rows.append(Row((about, text_cell(label), *cells, count_cell(last["scenarios_in_tail"]))))
    meaning = (
        "Over scenarios that have a weight, as probabilities. Value at risk: the loss that is not exceeded with that probability. Expected "
        f"shortfall: the mean of the worst rest. In the tail: scenarios that it is the mean of. A loss below zero is a gain. {_CHANCE}"
    )
    return TableView(
        "draws-book", "The book over weighted scenarios", columns, tuple(rows), "Nothing to report: no scenario has a weight.", (meaning,)
    )


def _accounts_table(probable: pl.DataFrame, names: Mapping[str, str | None], several: bool, currency: str, accounts: int) -> TableView:
    sound = _likeliest(_sound(probable).filter(pl.col("p_liquidation") > 0.0))
    failed = probable.height - _sound(probable).height
    records = sound.sort("place", maintain_order=True).head(LISTED).to_dicts()
    scale = scale_for([row["margin_shortfall"] for row in records])
    unit = scale.unit(currency)
    chance = "Probability at the horizon"
    columns = (
        Column("Rank", "number", 4),
        Column("Account", "text", 24),
        Column("Owner", "text", 14),
        *((Column("Scenarios", "text", 12),) if several else ()),
        Column("At base", "status", 9),
        Column("Default", "number", 9, "%", chance),
        Column("Default or liquidation", "number", 11, "%", chance),
        Column("Survival", "number", 9, "%", chance),
        Column("Margin shortfall", "number", 11, f"{unit}, expected"),
        Column("Uncollateralised loss", "number", 12, f"{unit}, expected"),
    )
    rows = tuple(
        Row(
            (
                rank_cell(place),
                name_cell(names.get(row["account_id"]), row["account_id"], 40),
                text_cell(row["owner_id"], 24),
                *((_family_cell(row["family"], row["horizon_days"]),) if several else ()),
                status_cell(row["base_status"]),
                _percent_with_error(row["p_default"], row["p_default_standard_error"]),
                _percent_with_error(row["p_liquidation"], row["p_liquidation_standard_error"]),
                Cell(number(100 * row["survival_probability"], 1), row["survival_probability"]),
                _amount(row, "margin_shortfall", scale),
                amount_cell(row["uncollateralised_loss"], scale),
            ),
            printed=place <= PRINTED_ACCOUNTS,
        )
        for place, row in enumerate(records, 1)
    )
    meaning = (
        "Sound at base, by probability of default, then of liquidation. At the end of the horizon, with today's positions: what is liquidated on "
        f"the way and recovers counts as a survivor. {_CHANCE}"
    )
    notes = [meaning, *([_FIRST] if several else [])]
    if failed:
        notes.append(
            f"Accounts in liquidation or default at base are left out ({count(failed)}); they are in the table account_probabilities of the run."
        )
    notes += left_out(sound.height, len(rows), PRINTED_ACCOUNTS, "account", "account_probabilities", "most likely")
    empty = (
        f"Nothing to report: of {plural_count(accounts, 'account')} none that is sound at base is in liquidation or default in any weighted scenario."
    )
    return TableView("draws-accounts", "Accounts most likely to fail", columns, rows, empty, tuple(notes))


def _owners_table(owners: pl.DataFrame, several: bool, currency: str) -> TableView:
    key = ["family", "horizon_days", "owner_id", "name", "place"]
    tail = "expected_shortfall_97_5"
    wanted = ("mean", "mean_standard_error", "quantile_99", "maximum", tail, f"{tail}_standard_error")
    sides = [
        owners.filter(pl.col("figure") == figure).select(*key, *(pl.col(name).alias(f"{figure}_{name}") for name in wanted))
        for figure in ("uncollateralised_loss", "margin_shortfall")
    ]
    both = sides[0].join(sides[1].drop("name", "place"), on=key[:3], how="left")
    order = ("place", f"uncollateralised_loss_{tail}", f"margin_shortfall_{tail}", "owner_id")
    ranked = both.sort(*order, descending=[False, True, True, False])
    records = ranked.head(LISTED).to_dicts()
    scale = scale_for([row[f"margin_shortfall_{name}"] for row in records for name in ("maximum", tail)])
    unit = scale.unit(currency)
    loss, short = "Uncollateralised loss", "Margin shortfall"
    columns = (
        Column("Rank", "number", 4),
        Column("Owner", "text", 24),
        *((Column("Scenarios", "text", 12),) if several else ()),
        *(
            Column(label, "number", 9, unit, group)
            for group in (loss, short)
            for label in ("Mean", "99th percentile", "Worst", "Expected shortfall 97.5 %")
        ),
    )
    rows = tuple(
        Row(
            (
                rank_cell(place),
                name_cell(row["name"], row["owner_id"], 40),
                *((_family_cell(row["family"], row["horizon_days"]),) if several else ()),
                *(
                    cell
                    for figure in ("uncollateralised_loss", "margin_shortfall")
                    for cell in (
                        _amount(row, f"{figure}_mean", scale),
                        amount_cell(row[f"{figure}_quantile_99"], scale),
                        amount_cell(row[f"{figure}_maximum"], scale),
                        _amount(row, f"{figure}_{tail}", scale),
                    )
                ),
            ),
            printed=place <= PRINTED_OWNERS,
        )
        for place, row in enumerate(records, 1)
    )
    notes = [
        *([_FIRST] if several else []),
        "By expected shortfall of the uncollateralised loss, netting groups netted, then of the margin shortfall. " + _CHANCE,
    ]
    if max((each.height for each in ranked.partition_by(*key[:2])), default=0) == MOST_OWNERS:
        notes.append(f"Of a family the {count(MOST_OWNERS)} owners with the largest expected losses are in the table.")
    notes += left_out(ranked.height, len(rows), PRINTED_OWNERS, "owner", "owner_distribution")
    empty = "Nothing to report: no owner has a margin shortfall or an uncollateralised loss in any weighted scenario."
    return TableView("draws-owners", "How owners' losses are spread", columns, rows, empty, tuple(notes))
