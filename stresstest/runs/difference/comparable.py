"""One side of a comparison of runs: what its folder holds, and what is needed to compute it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

import stresstest
from stresstest.config import RunFile, keyword_overrides, load_run
from stresstest.margin.rulebook import Rulebook
from stresstest.results import manifest as records
from stresstest.results.changed_accounts import COLUMNS
from stresstest.results.changes import ComparedRun, headline_figures, summed
from stresstest.results.identity import Identity, code_sha256
from stresstest.results.inputs import FOLDER, RUN
from stresstest.results.integrity import intact
from stresstest.results.store import read_table
from stresstest.runs.planning import load_rulebook_of, load_scenarios_of
from stresstest.runs.specification import specification
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.stress.headline import worst_headline
from stresstest.tables import ACCOUNT_SUMMARY, EXCLUDED, SCENARIO_SUMMARY

SCENARIOS = ("scenarios", "headline")
RULES = ("margin", "margin_model", "on_missing")
"""What of a specification is the scenario set, and what are margin parameters that can move a headline figure."""


@dataclass(frozen=True, eq=False)
class Comparable:
    """A run that is compared with another.

    `settings`: its run file as its folder keeps it, `snapshot` being where that is now. `engine`: what computed its figures: code, libraries and
    kind of machine; runs of one engine and the same inputs have the same bytes.
    """

    folder: Path
    settings: RunFile
    stated: Identity
    engine: Mapping[str, str]

    @cached_property
    def scenario_summary(self) -> pl.DataFrame:
        """The table, in file order."""
        return read_table(self.folder, SCENARIO_SUMMARY.name)

    @cached_property
    def accounts(self) -> pl.DataFrame:
        """The columns of account_summary that are compared."""
        return read_table(self.folder, ACCOUNT_SUMMARY.name, (*COLUMNS, "gross_notional"))

    @cached_property
    def excluded(self) -> pl.DataFrame:
        """The table."""
        return read_table(self.folder, EXCLUDED.name)

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """Its headline figures, from its tables."""
        return headline_figures(self.scenario_summary, summed(self.accounts["gross_notional"]))

    @property
    def currency(self) -> str:
        """The reporting currency."""
        return str(self.stated.specification["reporting_currency"])

    @cached_property
    def scenarios(self) -> ScenarioSet:
        """Its scenarios, as its folder keeps them.

        Raises:
            StressTestError: a file that this version refuses.
        """
        return load_scenarios_of(self.settings)

    @cached_property
    def rulebook(self) -> Rulebook:
        """Its margin file, as its folder keeps it; without models that are only compared with.

        Raises:
            StressTestError: a file that this version refuses.
        """
        return load_rulebook_of(without_extras(self.settings))

    @cached_property
    def question(self) -> dict[str, Any]:
        """What of its documents figures depend on: the hashes of scenarios (headline flags too) and margin file as understood now, settings."""
        asked = specification(without_extras(self.settings), self.scenarios, self.rulebook, None, None)
        # Generators that wait for a book's history make scenarios, and only then can the headline be chosen.
        return {**{name: asked[name] for name in ("scenarios", *RULES)}, "headline": asked["headline"] if self.scenarios.pending else None}

    def about(self) -> ComparedRun:
        """What is said of it beside its figures."""
        worst = worst_headline(self.scenario_summary)
        return ComparedRun(
            result_id=self.stated.result_id,
            name=self.settings.name or "",
            as_of=str(self.stated.specification["as_of"]),
            code_version=self.stated.code_version,
            worst_scenario=worst,
            accounts=self.accounts.height,
            excluded_accounts=self.excluded.height,
        )


def without_extras(settings: RunFile) -> RunFile:
    """The settings without what adds tables and changes no headline figure."""
    return settings.model_copy(update={"compare": type(settings.compare)(), "keep": "worst", "cascade": None, "waterfall": None})


def engine_now() -> dict[str, str]:
    """What computes figures in this process."""
    return _engine(code_sha256(), records.versions(stresstest.__version__), records.machine())


def _engine(code: str, versions: Mapping[str, str], machine: records.Machine) -> dict[str, str]:
    libraries = {name: version for name, version in versions.items() if name != "weasyprint"}  # which draws, and computes nothing
    return {**libraries, "code": code, "system": machine.system, "architecture": machine.architecture}


def finished(folder: Path, snapshot: str | Path | None = None) -> Comparable:
    """A finished run; `snapshot`: where its snapshot is now, default: where it read it.

    Raises:
        StressTestError: input data, when the folder is no finished run or is not as its run left it; configuration, when this version refuses
            its run file.
    """
    # Other tables may be those of another version: what changed between versions is one of the questions.
    manifest, stated = intact(folder, (ACCOUNT_SUMMARY.name, SCENARIO_SUMMARY.name, EXCLUDED.name))
    settings = load_run(folder / FOLDER / RUN, keyword_overrides({"snapshot": snapshot}))
    return Comparable(folder, settings, stated, _engine(stated.code, manifest.versions, manifest.machine))
