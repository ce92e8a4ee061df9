"""How the figures of one account in one scenario of a finished run come about."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.config import RunFile, keyword_overrides, load_run
from stresstest.documents import suggest
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.explain import Explanation, Holdings, as_document, explain, holdings_of
from stresstest.results.documents import read_document
from stresstest.results.inputs import FOLDER, RUN, changed_documents
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest
from stresstest.results.store import files_of, read_table
from stresstest.runs.console import Console, Silent
from stresstest.runs.planning import load_rulebook_of, load_scenarios_of, scenarios_on
from stresstest.runs.staging import stage
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, only
from stresstest.snapshot.book import Book
from stresstest.stress.attribution.accounts import Attribution, Attributor
from stresstest.stress.wrong_way import account_wrong_way_share
from stresstest.tables import ACCOUNT_SCENARIO, ACCOUNT_SUMMARY, ATTRIBUTION_KINDS, DETAIL, EXCLUDED, MEASURES
from stresstest.valuation.unit_values import UnitValues
from stresstest.valuation.value import value_instruments

CLOSE = 1e-9
"""Relative difference between the two derivations that is rounding (the order of sums), and no more."""


def explain_run(
    folder: Path, account: str, scenario: str | None = None, snapshot: str | Path | None = None, console: Console | None = None
) -> dict[str, Any]:
    """The explanation of one account in one scenario, as plain values: see `margin.explain.as_document`; `scenario_choice`, which is `named`,
    `worst headline`, `worst` or `base`; and `attribution`, why its margin balance less maintenance margin changed from base: see
    `attribution_document`. See `derive_again` for the rest.
    """
    found = _derive(folder, account, scenario, snapshot, console or Silent())
    attributed = found.attributor.of_accounts(found.holdings, {found.code: found.units.mark.shape[1] - 1})
    return as_document(found.explanation) | {"scenario_choice": found.choice, "attribution": attribution_document(found.explanation, attributed)}


def attribution_document(explanation: Explanation, attributed: Attribution) -> dict[str, Any]:
    """The attribution of an explained account as plain values: its `change`, `wrong_way_share`, `lines` (kind, subject, amount, with the residual; in
    the order of the kinds, largest amounts first) and `positions` (what each factor did to them)."""
    account = explanation.accounts.row(0, named=True)
    change = attributed.changes[account["account_id"]]
    lines = attributed.lines.select("kind", "subject", "amount").to_dicts()
    lines.sort(key=lambda line: (ATTRIBUTION_KINDS.index(line["kind"]), -abs(line["amount"]), line["subject"] or ""))
    residual = change - math.fsum(line["amount"] for line in lines)
    return {
        "change": change,
        "wrong_way_share": account_wrong_way_share(account["position_pnl"], account["collateral_pnl"], account["gross_notional"]),
        "lines": [*lines, {"kind": "residual", "subject": None, "amount": residual}],
        "positions": attributed.positions.drop("account_id").to_dicts(),
    }


@dataclass(frozen=True)
class _Derived:
    """An explanation, and what it was made from."""

    explanation: Explanation
    choice: str
    holdings: Holdings
    code: int
    units: UnitValues
    attributor: Attributor


def derive_again(folder: Path, account: str, scenario: str | None, snapshot: str | Path | None, console: Console) -> tuple[Explanation, str]:
    """The figures of one account in one scenario derived a second time, and how the scenario was chosen.

    Works from the copies in the run's `inputs/` and from the snapshot, whose tables must be those of the run. Where the
    run stored the account's row, the two derivations are compared, and a difference is warned of.

    Args:
        folder: the result folder of a run.
        account: the account.
        scenario: the scenario, `base` included; None: the account's worst headline scenario (without one its worst of all, without
            any `base`).
        snapshot: where the snapshot is now, from the working directory; default: where the run read it.
        console: told of stages and differences.

    Raises:
        StressTestError: usage, for an unknown account or scenario; input data, when the folder is no finished run, when its copies in
            `inputs/` were changed, or when the snapshot is not the one of the run (the tables that changed are named).
    """
    found = _derive(folder, account, scenario, snapshot, console)
    return found.explanation, found.choice


def _derive(folder: Path, account: str, scenario: str | None, snapshot: str | Path | None, console: Console) -> _Derived:
    manifest = read_document(Manifest, folder / MANIFEST)
    if faults := changed_documents(folder, manifest.documents):
        raise StressTestError(Reason.INPUT_DATA, "the result folder is not as its run left it", faults)
    settings = load_run(folder / FOLDER / RUN, keyword_overrides({"snapshot": snapshot}))
    choice = "named"
    if scenario is None:
        scenario, choice = _worst_scenario(folder, account)
        console.announce(_CHOICES[choice].format(scenario=scenario))
    rulebook = load_rulebook_of(settings)
    scenarios = load_scenarios_of(settings)
    if not scenarios.pending:
        scenarios = only(scenarios, [scenario])
    with tempfile.TemporaryDirectory(prefix="stresstest-explain-") as work:
        with console.stage("snapshot"):
            book = stage(settings, rulebook, Path(work))
        same_inputs(book, manifest, settings)
        code = account_code(book, account)
        with console.stage("derivation"):
            if scenarios.pending:
                scenarios = only(scenarios_on(book, settings, scenarios), [scenario])
            resolved, _ = resolve(scenarios, book.dimensions, rulebook.margin_names())
            units = value_instruments(book.dimensions, resolved)
            holdings = holdings_of(book, [code])
            explanation = explain(book.dimensions, holdings, resolved, units.mark, rulebook, [len(resolved.ids) - 1], units)
            attributor = Attributor(book.dimensions, resolved, units, rulebook)
    _compare(folder, explanation, console)
    return _Derived(explanation, choice, holdings, code, units, attributor)


_CHOICES = {
    "worst headline": "scenario {scenario}: the worst headline scenario of the account (--scenario explains another)",
    "worst": "scenario {scenario}: the worst scenario of the account, since the run has no headline scenario (--scenario explains another)",
    "base": "scenario {scenario}: the run has no other",
}


def _worst_scenario(folder: Path, account: str) -> tuple[str, str]:
    """The scenario that an account is explained in where none was named, and how it was chosen."""
    summary = read_table(folder, ACCOUNT_SUMMARY.name, ("account_id", "worst_headline_scenario_id", "worst_scenario_id"))
    found = summary.filter(pl.col("account_id") == account)
    if found.is_empty():
        raise _no_account(account, summary["account_id"], read_table(folder, EXCLUDED.name))
    row = found.row(0, named=True)
    if row["worst_headline_scenario_id"] is not None:
        return row["worst_headline_scenario_id"], "worst headline"
    return (BASE.id, "base") if row["worst_scenario_id"] in (None, BASE.id) else (row["worst_scenario_id"], "worst")


def same_inputs(book: Book, manifest: Manifest, settings: RunFile) -> None:
    """Whether a book was staged from the tables of a run.

    Raises:
        StressTestError: input data, with every table that is another one now.
    """
    then = {record.table: record.sha256 for record in manifest.inputs}
    now = {file.table: file.sha256 for file in book.inputs}
    faults = []
    for table in sorted(then.keys() | now.keys()):
        if then.get(table) != now.get(table):
            what = "is not there any more" if table not in now else "was not there" if table not in then else "has changed since"
            faults.append(
                Fault(f"the table {what}", "Name the snapshot of the run with --snapshot, or run again.", file=settings.snapshot, table=table)
            )
    if faults:
        raise StressTestError(Reason.INPUT_DATA, "the snapshot is not the one of the run", faults)


def account_code(book: Book, account: str) -> int:
    """The code of an account of a book.

    Raises:
        StressTestError: usage, for an account that was excluded, or that there is not.
    """
    names = book.dimensions.accounts["account_id"]
    code = names.index_of(account)
    if code is None:
        raise _no_account(account, names, book.excluded)
    return int(code)


def _no_account(account: str, names: pl.Series, excluded: pl.DataFrame) -> StressTestError:
    """The refusal for an account that a run has no figures of."""
    reasons = excluded.filter(pl.col("account_id") == account)["reason"]
    if len(reasons):
        return StressTestError(Reason.USAGE, f"account `{account}` was excluded from the run: {reasons[0]}", hint="Mend its data and run again.")
    hint = suggest(account, names.to_list(), "Accounts") if len(names) <= 20_000 else ""
    return StressTestError(
        Reason.USAGE, f"no account `{account}`", hint=hint if 0 < len(hint) < 200 else "The run's account_summary lists its accounts."
    )


def worst_rows(explanation: Explanation, tolerance: float) -> set[str | None]:
    """The grid rows that may be an account's `worst_row`: those in which a risk group, or a list of offsets, loses most but for `tolerance`.

    None is among them where nothing more than it is lost.
    """
    rows = explanation.rows
    lists = rows.group_by("pool_id", "row", part="scan").agg(pl.col("counted").sum())
    losses = pl.concat([rows.select("pool_id", "row", "counted", part="risk_group"), lists.select("pool_id", "row", "counted", "part")])
    worst = losses.filter(pl.col("counted") <= pl.col("counted").min().over("pool_id", "part") + tolerance)
    lost = explanation.pools["worst_scan_loss"].max()
    something = isinstance(lost, float) and lost > tolerance
    return {*worst["row"], *(() if something else (None,))}


def _compare(folder: Path, explanation: Explanation, console: Console) -> None:
    """Warn where the run's own figures differ by more than rounding."""
    derived = explanation.accounts.row(0, named=True)
    files = [*files_of(folder, DETAIL.name), *files_of(folder, ACCOUNT_SCENARIO.name)]
    key = (pl.col("account_id") == derived["account_id"]) & (pl.col("scenario_id") == derived["scenario_id"])
    stored = pl.concat([pl.scan_parquet(file).filter(key) for file in files]).collect()
    if stored.is_empty():
        return
    row = stored.row(0, named=True)
    scale = max(abs(row[measure.name]) for measure in MEASURES)
    for name in (measure.name for measure in MEASURES):
        if not math.isclose(row[name], derived[name], rel_tol=CLOSE, abs_tol=CLOSE * max(scale, 1.0)):
            console.warn(f"{name}: the run has {row[name]!r}, this derivation {derived[name]!r}; please report it")
    # Two rows may lose the same but for rounding.
    if row["worst_row"] != derived["worst_row"] and row["worst_row"] not in worst_rows(explanation, CLOSE * max(scale, 1.0)):
        console.warn(f"worst_row: the run has {row['worst_row']!r}, this derivation {derived['worst_row']!r}; please report it")
