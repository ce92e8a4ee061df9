"""The page of what changed since an earlier run: headline figures step by step, breaches, accounts."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stresstest.errors import counted
from stresstest.report.answer import Names
from stresstest.report.cells import amount_cell, left_out, name_cell, status_cell, text_cell
from stresstest.report.charts.waterfall import STEP_EMS, signed_money
from stresstest.report.formats import HALF_A_CENT, Scale, chart_label, count, moment, money, number, plural_count, scale_for, scaled, shortened, shown
from stresstest.report.parts import Cell, Column, Figure, Row, Step, TableView, Tone
from stresstest.report.view import ChangesPage, ChangeWaterfall
from stresstest.results.changes import STEPS, WORDS, Changes, FigureChange

LISTED, PRINTED = 100, 6
"""Accounts of a kind that a table has on screen and on paper."""

DRAWN = (("change_cover", "cover_2_stress_loss_over_margin"), ("change_shortfall", "worst_margin_shortfall"))
"""The charts of the page, and the figures that they take apart."""

_BREACH_WORDS = {
    "new": "New",
    "cured": "Cured",
    "worse": "Worse",
    "better": "Better",
    "unchanged": "Unchanged",
    "not known": "Not known",
    "none": "None",
}
_PRESENCE_WORDS = {"came": "Came", "gone": "Gone", "excluded": "Excluded now", "back": "Was excluded"}


def changes_page(changes: Changes, accounts: pl.DataFrame, names: Names) -> ChangesPage:
    """The page of a document and its table of accounts.

    Args:
        changes: what a run learned of its changes, or the answer of `diff`.
        accounts: the table `changed_accounts`.
        names: display names of the later run's scenarios by id; those that it does not have are shown by id.
    """
    currency = shown(changes.reporting_currency)
    if changes.before is None:
        return ChangesPage(title="Changes since the last run", empty=" ".join(map(shown, changes.notes)))
    amounts, counts = ([each for each in changes.figures if each.unit == unit] for unit in ("money", "accounts"))
    return ChangesPage(
        title=f"Changes since {moment(changes.before.as_of)}",
        summary=_summary(changes, currency),
        figures=_figures(changes),
        waterfalls=tuple(_waterfall(chart, changes, figure, currency) for chart, figure in DRAWN),
        tables=(
            _split_table("changes-amounts", "Amounts, step by step", amounts, changes, currency),
            _split_table("changes-accounts", "Accounts by status, step by step", counts, changes, ""),
        ),
        notes=_notes(changes),
        accounts=(
            _accounts_table("worsened", "New and worse breaches", ("new", "worse", "not known"), changes, accounts, names, currency),
            _accounts_table("improved", "Cured and better breaches", ("cured", "better"), changes, accounts, names, currency),
            _presence_table(changes, accounts, currency),
        ),
    )  # fmt: skip


def _figure(changes: Changes, name: str) -> FigureChange:
    return next(each for each in changes.figures if each.figure == name)


def _summary(changes: Changes, currency: str) -> str:
    """What moved the two figures that matter most, and how many breaches came and went."""
    parts = [
        _moved(_figure(changes, figure), words, currency) for (_, figure), words in zip(DRAWN, ("Cover-2", "the worst margin shortfall"), strict=True)
    ]
    text = "; ".join(part for part in parts if part)
    found = changes.breaches
    assert found is not None
    breached = (
        f"{plural_count(found.new, 'breach', 'breaches')} new, {count(found.cured)} cured, {count(found.worse)} worse, {count(found.better)} better"
    )
    return f"{text[:1].upper() + text[1:]}. {breached}." if text else f"{breached}."


def _moved(figure: FigureChange, words: str, currency: str) -> str:
    """How a figure moved, and the step that moved it most."""
    if figure.before is None or figure.after is None or figure.change is None:
        return ""
    if abs(figure.change) < HALF_A_CENT:
        return f"{words} is unchanged at {currency} {money(figure.after)}"
    text = f"{words} {'rose' if figure.change > 0 else 'fell'} by {currency} {money(abs(figure.change))} to {money(figure.after)}"
    known = [step for step in figure.steps if step.change is not None and step.change * figure.change > 0]
    if any(step.known == "not known" for step in figure.steps) or not known:
        return text
    most = max(known, key=lambda step: abs(step.change or 0.0))
    if most.change is not None and abs(most.change - figure.change) < HALF_A_CENT:
        return f"{text}, all of it by {most.step}"
    return f"{text}, most by {most.step} ({signed_money(most.change or 0.0)})"


def _figures(changes: Changes) -> tuple[Figure, ...]:
    found, there = changes.breaches, changes.presence
    assert found is not None
    assert there is not None
    went = [(there.gone, "gone"), (there.excluded, "excluded now"), (there.back, "no longer excluded")]
    more = ", ".join(f"{count(accounts)} {words}" for accounts, words in went if accounts)
    both, inside = f"breached in both runs; {count(found.unchanged)} unchanged", f"{count(found.after)} in all, {count(found.before)} before"
    unknown = f", {count(found.not_known)} not known, as they are excluded now" if found.not_known else ""
    return (
        Figure("New breaches", count(found.new), "accounts", inside, "fail" if found.new else ""),
        Figure("Cured", count(found.cured), "accounts", f"of {count(found.before)}{unknown}"),
        Figure("Worse and better", f"{count(found.worse)} / {count(found.better)}", "accounts", both),
        Figure("Accounts that came", count(there.came), "accounts", more or "none went"),
    )  # fmt: skip


def _waterfall(chart: str, changes: Changes, name: str, currency: str) -> ChangeWaterfall:
    """The steps of a change from zero: the levels themselves would dwarf them."""
    figure = _figure(changes, name)
    words = WORDS[name] if WORDS[name].startswith("Cover") else WORDS[name][:1].lower() + WORDS[name][1:]
    if figure.before is None or figure.after is None or figure.change is None or abs(figure.change) < HALF_A_CENT:
        return ChangeWaterfall(chart, words, "", ())
    steps = [Step(_label(each.step), each.change) for each in figure.steps if each.change is not None and each.known == "measured"]
    split = sum(step.amount for step in steps)
    if any(each.known == "not known" for each in figure.steps):
        steps.append(Step(_label("not split"), figure.change - split))
    scope = f"from {currency} {money(figure.before)} to {money(figure.after)}"
    return ChangeWaterfall(chart, words, scope, (*steps, Step(_label("change"), figure.change, total=True)))


def _label(step: str) -> str:
    return chart_label(step[:1].upper() + step[1:], step, STEP_EMS)


def _split_table(name: str, caption: str, figures: Sequence[FigureChange], changes: Changes, currency: str) -> TableView:
    """A figure a row, a step a column; steps that no run of this kind has are left out."""
    # In the unit of the changes: in that of the levels most of them would be below one.
    moved = [value for each in figures for value in (each.change, *(step.change for step in each.steps)) if value]
    levels = [value for each in figures for value in (each.before, each.after) if value is not None]
    scale = scale_for(moved or levels) if currency else None
    unit = scale.unit(currency) if scale else ""
    steps = [each.step for each in changes.steps]
    columns = (
        Column("Figure", "text", 21),
        Column("Before", "number", 8, unit),
        *(Column(step[:1].upper() + step[1:], "number", 8.5, unit, "Changed by") for step in steps),
        Column("After", "number", 8, unit),
        Column("Change", "number", 8, unit),
    )
    rows = tuple(
        Row(
            (
                text_cell(WORDS[each.figure]),
                _level(each.before, scale),
                *(_change(step.change, step.known, scale) for step in each.steps),
                _level(each.after, scale),
                _change(each.change, "measured", scale),
            )
        )
        for each in figures
    )
    return TableView(name, caption, columns, rows, "Nothing to report.")


def _level(value: float | None, scale: Scale | None) -> Cell:
    if scale is not None:
        return amount_cell(value, scale)
    return Cell(number(value), float("-inf") if value is None else value, "zero" if value == 0 else "")


def _change(value: float | None, known: str, scale: Scale | None) -> Cell:
    """A change with its sign; an arrow where it is in that of the next measured step."""
    if value is None:
        return Cell("\N{RIGHTWARDS ARROW}" if known == "with the next" else shown(None), float("-inf"))
    text = scaled(value, scale) if scale is not None else number(value)
    tone: Tone = "zero" if text == "0" else ""
    return Cell(f"+{text}" if value > 0 and text[0].isdigit() and text != "0" else text, value, tone)


def _notes(changes: Changes) -> tuple[str, ...]:
    order = (
        f"Inputs of the earlier run were exchanged for those of the later one in the order of the columns ({', '.join(STEPS)}), and what a step "
        "shows is the difference that it makes after those before it: another order would split the same change differently."
    )
    zero = "A step whose inputs are the same is exactly 0."
    joined = " An arrow: these inputs cannot be exchanged by themselves, and the change is in the next step to the right that has one."
    unknown = " A dash: not known."
    kinds = {step.known for step in changes.steps}
    told = [*changes.notes, order if changes.computed_again else zero]
    told[-1] += (
        (f" {zero}" if changes.computed_again else "") + (joined if "with the next" in kinds else "") + (unknown if "not known" in kinds else "")
    )
    told += [f"{step.step[:1].upper() + step.step[1:]}: {shown(step.note)}." for step in changes.steps if step.note]
    return tuple(map(shown, told))


def _accounts_table(
    name: str, caption: str, kinds: tuple[str, ...], changes: Changes, accounts: pl.DataFrame, names: Names, currency: str
) -> TableView:
    """Accounts by what became of their breach, in the order of the kinds, the largest change first."""
    order = pl.col("breach").replace_strict({kind: place for place, kind in enumerate(kinds)}, default=None, return_dtype=pl.Int64)
    largest = (pl.col("margin_shortfall_after").fill_null(0.0) - pl.col("margin_shortfall_before").fill_null(0.0)).abs()
    chosen = accounts.filter(pl.col("breach").is_in(kinds)).sort(order, -largest, "account_id").with_columns(_place("breach"))
    listed = chosen.filter(pl.col("place") < LISTED).to_dicts()
    scale = scale_for([row[f"margin_shortfall_{side}"] or 0.0 for row in listed for side in ("before", "after")])
    unit = scale.unit(currency)
    columns = (
        Column("Breach", "text", 8),
        Column("Account", "text", 22),
        Column("Owner", "text", 12),
        Column("Status", "status", 10, group="Before"),
        Column("Status", "status", 10, group="After"),
        Column("Worst scenario", "text", 20, group="After"),
        Column("Before", "number", 9, unit, "Margin shortfall"),
        Column("After", "number", 9, unit, "Margin shortfall"),
        Column("Change", "number", 9, unit, "Margin shortfall"),
    )
    rows = tuple(
        Row(
            (
                text_cell(_breach_words(row)),
                name_cell(row["name"], row["account_id"], 40),
                text_cell(row["owner_id"], 20),
                status_cell(row["status_before"]),
                status_cell(row["status_after"]),
                text_cell(names.get(row["scenario_id_after"], row["scenario_id_after"]), 40),
                amount_cell(row["margin_shortfall_before"], scale),
                amount_cell(row["margin_shortfall_after"], scale),
                _change(row["margin_shortfall_change"], "measured", scale),
            ),
            printed=row["place"] < PRINTED,
        )
        for row in listed
    )
    found = changes.breaches
    assert found is not None
    empty = f"Nothing to report: {counted(found.before, 'account')} breached before and {found.after:,} after, none of them {' or '.join(kinds[:2])}."
    return TableView(name, caption, columns, rows, empty, _left_out(chosen.height, rows))


def _place(kind: str) -> pl.Expr:
    """The place of a row among those of its kind, 0 the first."""
    return pl.int_range(pl.len()).over(kind).alias("place")


def _left_out(total: int, rows: Sequence[Row]) -> tuple[str, ...]:
    notes = left_out(total, len(rows), sum(row.printed for row in rows), "account", "changed_accounts", "first")
    return ("Of each kind the largest changes come first.", *notes) if notes else ()


def _breach_words(row: dict[str, str]) -> str:
    words = _BREACH_WORDS[row["breach"]]
    return words if row["presence"] == "both" else f"{words}, {_PRESENCE_WORDS[row['presence']].casefold()}"


def _presence_table(changes: Changes, accounts: pl.DataFrame, currency: str) -> TableView:
    """Accounts that only one of the runs has."""
    kinds = tuple(_PRESENCE_WORDS)
    order = pl.col("presence").replace_strict({kind: place for place, kind in enumerate(kinds)}, default=None, return_dtype=pl.Int64)
    size = pl.coalesce("margin_shortfall_after", "margin_shortfall_before").fill_null(0.0)
    chosen = accounts.filter(pl.col("presence") != "both").sort(order, -size, "account_id").with_columns(_place("presence"))
    listed = chosen.filter(pl.col("place") < LISTED).to_dicts()
    scale = scale_for([row[f"margin_shortfall_{side}"] or 0.0 for row in listed for side in ("before", "after")])
    unit = scale.unit(currency)
    columns = (
        Column("What", "text", 14),
        Column("Account", "text", 26),
        Column("Owner", "text", 20),
        Column("Status before", "status", 12),
        Column("Status after", "status", 12),
        Column("Before", "number", 10, unit, "Margin shortfall"),
        Column("After", "number", 10, unit, "Margin shortfall"),
    )
    rows = tuple(
        Row(
            (
                text_cell(_PRESENCE_WORDS[row["presence"]]),
                name_cell(row["name"], row["account_id"], 40),
                text_cell(row["owner_id"], 28),
                status_cell(row["status_before"]),
                status_cell(row["status_after"]),
                amount_cell(row["margin_shortfall_before"], scale),
                amount_cell(row["margin_shortfall_after"], scale),
            ),
            printed=row["place"] < PRINTED,
        )
        for row in listed
    )
    before = 0 if changes.before is None else changes.before.accounts
    empty = f"Nothing to report: the {counted(before, 'account')} of the earlier run are those of this one."
    return TableView("came-and-went", "Accounts that came and went", columns, rows, empty, _left_out(chosen.height, rows))


def since(changes: Changes) -> str:
    """The sentence for the first page of a report; empty where there is no earlier run."""
    if changes.before is None:
        return ""
    return f"Since {moment(changes.before.as_of)}: {_summary(changes, shown(changes.reporting_currency))}"


def compared_runs(changes: Changes) -> str:
    """Which runs are compared, in a line."""
    sides = [each for each in (changes.before, changes.after) if each is not None]
    return " to ".join(f"{shortened(shown(each.name), 60) or 'run'} ({each.result_id[:12]}, as of {moment(each.as_of)})" for each in sides)
