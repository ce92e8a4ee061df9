"""The page of weighted scenarios: how the book's loss is spread, which accounts are most likely to fail, which owners to lose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from stresstest.report.answer import Record
from stresstest.report.charts.histogram import nice_step
from stresstest.report.draw_tables import accounts_table, book_table, family_words, in_order_of_families, likeliest_first, owners_table, sound_at_base
from stresstest.report.formats import count, money, named, percent, plural_count, shortened, shown, significant
from stresstest.report.parts import Bucket, Histogram, Mark, Pair, PairedBars
from stresstest.report.view import DrawsPage, FamilyCharts
from stresstest.results.draws import SHOWN_LEVEL, DrawFigures
from stresstest.stress.weighted.families import Family, Stated, weighted_families

DRAWN = 2
"""Families that have charts."""
BUCKETS = 32
"""Buckets of the histogram, about."""
EDGES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5)
"""Where one bucket of probabilities ends and the next begins; an edge belongs to the bucket above it."""


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
        book_table(tables["draw_statistics"], figures, currency),
        accounts_table(in_order_of_families(probable, figures), names, several, currency, accounts),
        owners_table(in_order_of_families(tables["owner_distribution"], figures), several, currency),
    )


# ---------------------------------------------------------------- in words


def _plus(value: float | None, text: str) -> str:
    return "" if value is None else f" (± {text})"


def _summary(figures: DrawFigures, probable: pl.DataFrame, names: Mapping[str, str | None], currency: str, accounts: int) -> str:
    tail = next(each for each in figures.tails if each.level == SHOWN_LEVEL)
    error = tail.expected_shortfall_standard_error
    way = "loses" if figures.expected_loss >= 0.0 else "gains"
    text = (
        f"{shown(figures.family)}: {family_words(figures)}. In the worst {_part(SHOWN_LEVEL)} of them, by probability, the book loses {currency} "
        f"{money(tail.expected_shortfall)} on average{_plus(error, money(error))}; over all of them it {way} {money(abs(figures.expected_loss))}. "
    )
    text += (
        f"The probability that an owner is in default is {percent(figures.probability_of_a_default, 1)}"
        f"{_plus(figures.probability_of_a_default_standard_error, percent(figures.probability_of_a_default_standard_error, 1))}. "
    )
    sound = sound_at_base(probable).filter((pl.col("family") == figures.family) & (pl.col("horizon_days") == figures.horizon_days))
    failing = sound.filter(pl.col("p_liquidation") > 0.0)
    if failing.is_empty():
        text += f"Of {plural_count(accounts, 'account')} none that is sound at base is in liquidation or default in any of them."
    else:
        first = likeliest_first(failing).row(0, named=True)
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
    listed = "; ".join(f"{shown(told.family)}, {family_words(told)}" for told, _ in others[:4])
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
        f"{shown(figures.family)}, {family_words(figures)}",
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
    sound = sound_at_base(own)
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
