"""What commands print with `--json`, and the log, held to the schemas that `stresstest schema output-...` prints."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from runs.plain_book import write_moving

import stresstest.cli
from stresstest.cli.documents import PRINTED
from stresstest.cli.schema import PRINTED as DESCRIBED
from stresstest.results.history import add

Call = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("made_once", "drawn_here")

# The words of the command, with `{run}` the run file, `{book}` its folder, `{moving}` its snapshot with earlier prices, `{out}` a finished run
# and `{history}` a history with it.
OUTPUTS: dict[str, list[str]] = {
    "output-run": ["run {run} --out out --json", "run {run} --out out --json --fail-on red", "run {out}/inputs/run.json --out other --json"],
    "output-plan": ["run {run} --dry-run --json"],
    "output-report": ["report {out} --formats html --out reports --json"],
    "output-verification": ["verify {out} --json"],
    "output-validation": ["validate {run} --json", "validate {run} --set margin=nowhere.yaml --json", "validate {run} --snapshot nowhere --json"],
    "output-comparison": ["compare-margins {run} --out models --json", "compare-margins {run} --no-isolated --out other --json"],
    "output-diff": ["diff {out} {out} --json", "diff {out} {out} --no-chain --html page.html --json"],
    "output-explain": ["explain {out} --account a000001 --json", "explain {out} --account a000003 --scenario base --json"],
    "output-scenarios": ["scenarios list {book}/scenarios.yaml --json", "scenarios show {book}/scenarios.yaml --id crash --id base --json"],
    "output-margins": ["margins list --json", "margins list {book}/margin.yaml --json"],
    "output-margin-rules": ["margins show tims --json", "margins show cboe --json", "margins show default {book}/margin.yaml --json"],
    "output-lint": ["scenarios lint {run} --json", "scenarios lint {book}/scenarios.yaml --json"],
    "output-expansion": ["scenarios expand {run} --out factors.csv --json"],
    "output-reverse": [
        "reverse {run} --target default:a000003 --along crash --along dip --along spot:BTC --out found.yaml --json",
        "reverse {out} --target accounts-in-default:4 --json",
    ],
    "output-frontier": ["reverse {run} --frontier --along crash --set resources.insurance_fund=50 --json"],
    "output-reverse-grid": ["reverse {run} --target default:a000003 --grid spot:BTC=0:-0.5:3 margin_rate:*=0:1:2 --json"],
    "output-reverse-plausible": [
        "reverse {run} --target default:a000001 --plausible --snapshot {moving} --out likeliest.yaml --json",
        "reverse {run} --worst-loss 2 --snapshot {moving} --json",
        "reverse {run} --target accounts-in-default:3 --plausible --most 0.1 --snapshot {moving} --json",
    ],
    "output-history": ["history {history} --json", "history {history} --days 7 --json"],
    "output-history-query": ["history {history} --json --sql FROM/**/runs", "history {history} --json --sql DESCRIBE/**/runs"],
    "output-history-added": ["history add {out} --history history --json"],
    "output-init": ["init new --json", "init other --from-snapshot {book}/snapshot --json"],
    "output-doctor": ["doctor --json"],
    "output-schemas": ["schema --json"],
    "output-table": ["schema positions --json", "schema account_scenario --json"],
    "output-json-schema": ["schema run --json", "schema output-explain --json", "schema output-validation --json"],
    "output-exit-codes": ["schema exit-codes --json"],
    "output-error": [
        "run nowhere.yaml --json", "explain {book} --account a --json", "report {book} --json", "scenarios list nowhere.yaml --json",
        "run {run} --set report={{}} --json", "run --json", "schema nothing --json",
    ],
    "log-line": [],
}  # fmt: skip


def test_every_document_has_a_model_a_description_and_a_test():
    assert PRINTED.keys() == DESCRIBED.keys() == OUTPUTS.keys()


def test_every_kind_that_is_printed_has_a_schema():
    printed = set()
    for file in Path(stresstest.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print_document":
                kind = node.args[0]
                assert isinstance(kind, ast.Constant), file
                printed.add(kind.value)
    described = set()
    for model in PRINTED.values():
        schema = model.model_json_schema()
        parts = [schema, *(each for each in schema.get("$defs", {}).values())]
        described |= {part["properties"]["kind"]["const"] for part in parts if "const" in part.get("properties", {}).get("kind", {})}
    assert printed == described


def schema_of(stresstest: Call, name: str) -> dict[str, Any]:
    schema = json.loads(stresstest("schema", name, "--json").stdout)["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    return dict(schema)


@pytest.mark.parametrize("name", [name for name, words in OUTPUTS.items() if words])
def test_what_is_printed_is_what_its_schema_says(stresstest, run_file: Path, finished: Path, tmp_path: Path, name: str):
    schema = schema_of(stresstest, name)
    add(finished, tmp_path / "runs of a book")
    places = {"run": run_file, "book": run_file.parent, "out": finished, "history": tmp_path / "runs of a book", "moving": tmp_path / "moving"}
    write_moving(run_file.parent / "snapshot", tmp_path / "moving")
    for words in OUTPUTS[name]:
        done = stresstest(*(word.format(**places) for word in words.split()))
        jsonschema.validate(json.loads(done.stdout), schema, jsonschema.Draft202012Validator)


def test_the_log_is_what_its_schema_says(stresstest, run_file: Path, tmp_path: Path):
    stresstest("run", run_file, "--out", "out", "--log-file", "log.jsonl")
    stresstest("validate", run_file, "--snapshot", "nowhere", "--log-file", "log.jsonl")
    schema = schema_of(stresstest, "log-line")
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert len(lines) > 10
    for line in lines:
        jsonschema.validate(json.loads(line), schema, jsonschema.Draft202012Validator)


def test_a_schema_would_notice(stresstest, run_file: Path):
    schema = schema_of(stresstest, "output-plan")
    plan = json.loads(stresstest("run", run_file, "--dry-run", "--json").stdout)
    for wrong in ({**plan, "scenarios": "many"}, {**plan, "more": 1}, {key: value for key, value in plan.items() if key != "blocks"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", PRINTED)
def test_every_schema_reads_as_text(stresstest, name: str):
    lines = stresstest("schema", name).stdout.splitlines()
    assert lines[0] == f"{name}: {DESCRIBED[name]}"
    assert len(lines) > 3
