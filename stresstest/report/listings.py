"""The tables of the report: scenarios by severity, worst accounts, largest owner losses, data quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from stresstest.report.answer import Record
from stresstest.report.formats import HALF_A_CENT, Scale, count, money, named, number, plural_count, scale_for, scaled, shortened, shown, significant
from stresstest.report.view import Cell, Column, Row, TableView, Tone
from stresstest.results.summary import Cover, worst_first

PRINTED_SCENARIOS = 60
LISTED_SCENARIOS = 400
PRINTED_ACCOUNTS = 30
LISTED_ACCOUNTS = 200
PRINTED_CHECKS = 60
PRINTED_SUBJECTS = 3
LISTED_OWNERS = 5

STATUS_WORDS: dict[str, tuple[str, Tone]] = {
    "ok": ("OK", "ok"),
    "call": ("Call", "call"),
    "liquidation": ("Liquidation", "liquidation"),
    "default": ("Default", "default"),
}
_RESULT_WORDS: dict[str, tuple[str, Tone]] = {"pass": ("Pass", "pass"), "warn": ("Warn", "warn"), "fail": ("Fail", "fail")}
_RESULT_ORDER = {"fail": 0, "warn": 1, "pass": 2}


def by_severity(scenarios: Sequence[Record]) -> list[Record]:
    """Scenarios from worst to mildest: by margin shortfall, then by loss of equity; ties in file order, as in the run's summary."""
    return sorted(scenarios, key=lambda row: (-row["margin_shortfall"], row["pnl"]))


def _text(value: str | None, limit: int = 64) -> Cell:
    whole = shown(value)
    text = shortened(whole, limit)
    return Cell(text, whole.casefold(), full=whole if text != whole else "")


def _named(name: str | None, key: str, limit: int = 48) -> Cell:
    """A name with its id below, or the id alone where there is no other name."""
    if not name or not name.strip() or name == key:
        return _text(key, limit)
    head = _text(name, limit)
    identifier = _text(key, limit)
    return Cell(head.text, head.order, full=" · ".join(part for part in (head.full, identifier.full) if part), below=identifier.text)


def _amount(value: float | None, scale: Scale) -> Cell:
    order = float("-inf") if value is None else value
    tone: Tone = "zero" if value is not None and abs(value) < HALF_A_CENT else "negative" if value is not None and value < 0 else ""
    return Cell(scaled(value, scale), order, tone)


def _whole(value: float | None) -> Cell:
    return Cell(count(value), float("-inf") if value is None else value, "zero" if value == 0 else "")


def _status(value: str | None) -> Cell:
    if value is None:
        return Cell(shown(None), -1.0)
    word, tone = STATUS_WORDS[value]
    return Cell(word, float(tuple(STATUS_WORDS).index(value)), tone)


# ---------------------------------------------------------------- scenarios

_SCENARIO_MONEY = (
    "pnl",
    "initial_shortfall",
    "margin_shortfall",
    "uncollateralised_loss",
    "cover_2_stress_loss_over_margin",
    "cover_2_uncollateralised_loss",
)


def scenario_table(base: Record, headline: Sequence[Record], others: Sequence[Record], currency: str) -> TableView:
    """All scenarios by severity: headline ones ranked, then the others; base stays on top for comparison."""
    ordered = [*headline, *others][:LISTED_SCENARIOS]
    scale = scale_for([float(row[name]) for row in (base, *ordered) for name in _SCENARIO_MONEY])
    unit = scale.unit(currency)
    totals, statuses, covers = "All accounts", "Accounts", "Cover-2"
    columns = (
        Column("Rank", "number", 4),
        Column("Scenario", "text", 23),
        Column("Family", "text", 9.5),
        Column("P&L", "number", 8, unit, totals),
        Column("Initial shortfall", "number", 8, unit, totals),
        Column("Margin shortfall", "number", 8, unit, totals),
        Column("Uncollat. loss", "number", 8, unit, totals),
        Column("Call", "number", 4, "", statuses),
        Column("Liquidation", "number", 7, "", statuses),
        Column("Default", "number", 5, "", statuses),
        Column("Newly below", "number", 4.8, "", statuses),
        Column("Owners in default", "number", 5.5),
        Column("Loss over margin", "number", 8, unit, covers),
        Column("Uncollat. loss", "number", 8, unit, covers),
    )

    def cells(row: Record, rank: int | None) -> tuple[Cell, ...]:
        return (
            Cell(shown(None) if rank is None else number(rank), float("inf") if rank is None else float(rank)),
            _named(row["name"], row["scenario_id"], 90),
            Cell(shown(row["family"]), row["family"], below="" if row["headline"] else "not headline"),
            *(_amount(row[name], scale) for name in _SCENARIO_MONEY[:4]),
            *(_whole(row[name]) for name in ("accounts_call", "accounts_liquidation", "accounts_default", "accounts_newly_breached")),
            _whole(row["owners_in_default"]),
            *(_amount(row[name], scale) for name in _SCENARIO_MONEY[4:]),
        )

    reference = cells(base, None)
    rows = [Row((reference[0], reference[1], Cell("", ""), *reference[3:]), fixed=True)]
    for place, row in enumerate(ordered):
        rows.append(Row(cells(row, place + 1 if row["headline"] else None), printed=place < PRINTED_SCENARIOS))
    total = len(headline) + len(others)
    return TableView(
        "scenarios",
        "Scenarios by severity",
        columns,
        tuple(rows),
        "",
        _left_out(total, len(ordered), PRINTED_SCENARIOS, "scenario", "scenario_summary"),
    )


def _left_out(total: int, listed: int, printed: int, noun: str, table: str) -> tuple[str, ...]:
    """What a shortened table leaves out, and where it is found: for the reader on screen and the reader on paper."""
    notes = []
    if total > listed:
        notes.append(f"The {count(listed)} worst of {plural_count(total, noun)} are listed; all are in the table {table} of the run.")
    if listed > printed:
        notes.append(f"On paper the {count(printed)} worst are listed, on screen {count(listed)}.")
    return tuple(notes)


# ---------------------------------------------------------------- accounts

_ACCOUNT_MONEY = (
    "equity",
    "equity_after",
    "margin_balance",
    "maintenance_margin",
    "margin_shortfall",
    "uncollateralised_loss",
    "stress_loss_over_margin",
)


def worst_accounts(accounts: pl.DataFrame, headline: bool) -> pl.DataFrame:
    """Accounts with their figures in their own worst (headline) scenario, in the order of the run's summary."""
    prefix: Literal["worst", "worst_headline"] = "worst_headline" if headline else "worst"
    figures = [pl.col(f"{prefix}_{name}").alias(name) for name in _ACCOUNT_MONEY[2:]]
    return worst_first(accounts, prefix).select(
        "owner_id",
        "account_id",
        "name",
        "segment",
        "gross_notional",
        "equity",
        pl.col("status").alias("status_base"),
        pl.col(f"{prefix}_scenario_id").alias("scenario_id"),
        pl.col(f"{prefix}_status").alias("status"),
        pl.col(f"{prefix}_equity").alias("equity_after"),
        *figures,
    )


def account_table(accounts: pl.DataFrame, headline: bool, scenario_names: dict[str, str], checked: int, in_scope: str, currency: str) -> TableView:
    """The accounts that fall short, each in its own worst scenario, with the three loss measures side by side.

    `accounts` is what `worst_accounts` gave; `in_scope` names the scenarios that were looked at.
    """
    short = accounts.filter((pl.col("margin_shortfall") >= HALF_A_CENT) | (pl.col("uncollateralised_loss") >= HALF_A_CENT))
    records = short.head(LISTED_ACCOUNTS).to_dicts()
    scale = scale_for([float(row[name]) for row in records for name in _ACCOUNT_MONEY])
    unit = scale.unit(currency)
    before, after, losses = "At base", "In its worst scenario", "Loss measures"
    columns = (
        Column("Rank", "number", 3.5),
        Column("Account", "text", 13),
        Column("Owner", "text", 7.5),
        Column("Segment", "text", 8.5),
        Column("Equity", "number", 7, unit, before),
        Column("Status", "status", 11.5, "", before),
        Column("Scenario", "text", 13, "", after),
        Column("Status", "status", 10.5, "", after),
        Column("Equity", "number", 7, unit, after),
        Column("Margin balance", "number", 7.5, unit, after),
        Column("Maintenance margin", "number", 8, unit, after),
        Column("Margin shortfall", "number", 7.5, unit, losses),
        Column("Uncollat. loss", "number", 7.5, unit, losses),
        Column("Loss over margin", "number", 7.5, unit, losses),
    )
    rows = tuple(
        Row(
            (
                Cell(number(place + 1), float(place + 1)),
                _named(row["name"], row["account_id"], 64),
                _text(row["owner_id"], 32),
                _text(row["segment"], 24),
                _amount(row["equity"], scale),
                _status(row["status_base"]),
                _text(scenario_names.get(row["scenario_id"], row["scenario_id"]), 70),
                _status(row["status"]),
                _amount(row["equity_after"], scale),
                *(_amount(row[name], scale) for name in _ACCOUNT_MONEY[2:]),
            ),
            printed=place < PRINTED_ACCOUNTS,
        )
        for place, row in enumerate(records)
    )
    empty = f"Nothing to report: no account falls below its maintenance margin in {in_scope}; {plural_count(checked, 'account')} checked."
    scope = "the headline scenarios" if headline else "all scenarios"
    chosen = (
        f"Each account stands once: in the one of {scope} with its largest margin shortfall, "
        "or where there is none with its smallest balance less requirement."
    )
    notes = (chosen, *_left_out(short.height, len(rows), PRINTED_ACCOUNTS, "account", "account_summary")) if rows else ()
    return TableView("accounts", "Worst accounts", columns, rows, empty, notes)


# ---------------------------------------------------------------- owners


def owner_table(
    owners: pl.DataFrame | None, scenario_id: str | None, uncollateralised: Cover, names: dict[str, str], owner_names: dict[str, str], currency: str
) -> TableView:
    """The largest owner losses of one scenario, in both bases beside each other; `names` are those of scenarios.

    `uncollateralised` is the run's Cover-2 in that basis: a note names it where it comes from another scenario.
    """
    empty = "Nothing to report: no owner has a loss beyond its margin in any headline scenario."
    if owners is None or scenario_id is None:
        return TableView("owners", "Largest owner losses", (), (), empty)
    bases = ("stress_loss_over_margin", "uncollateralised_loss")
    here = owners.filter((pl.col("scenario_id") == scenario_id) & (pl.col("loss") > 0)).sort("basis", "rank")
    ranked = [here.filter(pl.col("basis") == basis).head(LISTED_OWNERS).to_dicts() for basis in bases]
    scale = scale_for([float(row["loss"]) for rows in ranked for row in rows])
    unit = scale.unit(currency)
    columns = (
        Column("Rank", "number", 6),
        Column("Owner", "text", 29, "", "Stress loss over margin"),
        Column("Loss", "number", 18, unit, "Stress loss over margin"),
        Column("Owner", "text", 29, "", "Uncollateralised loss"),
        Column("Loss", "number", 18, unit, "Uncollateralised loss"),
    )

    def pair(rows: Sequence[Record], place: int) -> tuple[Cell, Cell]:
        if place >= len(rows):
            return Cell(shown(None), ""), Cell(shown(None), float("-inf"))
        owner = rows[place]["owner_id"]
        return _named(owner_names.get(owner), owner, 40), _amount(rows[place]["loss"], scale)

    listed = tuple(
        Row((Cell(number(place + 1), float(place + 1)), *pair(ranked[0], place), *pair(ranked[1], place)))
        for place in range(max(len(rows) for rows in ranked))
    )
    caption = f"Largest owner losses in {shortened(names.get(scenario_id, scenario_id), 60)}"
    elsewhere = uncollateralised.scenario_id is not None and uncollateralised.scenario_id != scenario_id
    notes = (_cover_elsewhere(uncollateralised, names, owner_names, currency),) if elsewhere else ()
    return TableView("owners", caption, columns, listed, empty, notes)


def _cover_elsewhere(cover: Cover, names: dict[str, str], owner_names: dict[str, str], currency: str) -> str:
    """Who makes the run's Cover-2, how much it is, and in which scenario."""
    owners = " + ".join(f"{shortened(named(owner_names[o], o), 40)} ({shown(o)})" if o in owner_names else shown(o) for o in cover.owners)
    scenario = shortened(names.get(cover.scenario_id or "", shown(cover.scenario_id)), 60)
    at_least = "at least " if cover.lower_bound else ""
    return f"The largest Cover-2 in uncollateralised loss is in another scenario, {scenario}: {at_least}{currency} {money(cover.amount)}, {owners}."


# ---------------------------------------------------------------- data quality


def quality_table(checks: pl.DataFrame, currency: str) -> TableView:
    """Every check with its result: failures, warnings, then what passed, by check and largest value.

    Values and tolerances are in the unit that the message names.
    """
    records = sorted(checks.to_dicts(), key=lambda row: (_RESULT_ORDER[row["result"]], row["check"], -(row["value"] or 0.0)))
    scale = scale_for([float(row["notional"]) for row in records if row["notional"] is not None])
    columns = (
        Column("Result", "status", 6.5),
        Column("Check", "text", 16),
        Column("Subject", "text", 16.5),
        Column("Finding", "text", 33),
        Column("Value", "number", 7.5),
        Column("Tolerance", "number", 7.5),
        Column("Rows", "number", 6),
        Column("Notional", "number", 7, scale.unit(currency)),
    )
    rows: list[Row] = []
    subjects: dict[str, int] = {}
    for row in records:
        word, tone = _RESULT_WORDS[row["result"]]
        cells = (
            Cell(word, float(_RESULT_ORDER[row["result"]]), tone),
            _text(row["check"]),
            _text(row["subject"], 40),
            _text(row["message"], 400),
            _plain(row["value"]),
            _plain(row["tolerance"]),
            _whole(row["rows"]),
            _amount(row["notional"], scale),
        )
        if row["result"] == "pass":
            subjects[row["check"]] = subjects.get(row["check"], 0) + 1
        wanted = row["result"] != "pass" or subjects[row["check"]] <= PRINTED_SUBJECTS
        rows.append(Row(cells, printed=wanted and len(rows) < PRINTED_CHECKS))
    left_out = sum(not row.printed for row in rows)
    note = f"Left out on paper: {plural_count(left_out, 'row')}; of a check that passed, the {PRINTED_SUBJECTS} largest values are printed."
    return TableView("quality", "Data quality", columns, tuple(rows), "No check was recorded.", (note,) if left_out else ())


def _plain(value: float | None) -> Cell:
    return Cell(significant(value), float("-inf") if value is None else value, "zero" if value == 0 else "")
