"""`stresstest schema`: every table, file and document that is read or written."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stresstest.cli.options import Debug, Json

if TYPE_CHECKING:
    from stresstest.tables import Column, Table

FILES = {"run": "run file (YAML)", "scenarios": "scenario file (YAML)", "margin": "margin file (YAML)"}
DOCUMENTS = {
    "summary": "summary.json of a run",
    "result": "result.json of a run",
    "manifest": "manifest.json of a run",
    "changes": "changes.json of a run that was set against an earlier one",
}
PRINTED = {
    "output-run": "what run --json and demo --json print",
    "output-plan": "what run --dry-run --json prints",
    "output-report": "what report --json prints",
    "output-verification": "what verify --json prints",
    "output-validation": "what validate --json prints",
    "output-comparison": "what compare-margins --json prints",
    "output-diff": "what diff --json prints",
    "output-explain": "what explain --json prints",
    "output-scenarios": "what scenarios list --json and scenarios show --json print",
    "output-margins": "what margins list --json prints",
    "output-margin-rules": "what margins show --json prints",
    "output-lint": "what scenarios lint --json prints",
    "output-expansion": "what scenarios expand --json prints",
    "output-reverse": "what reverse --target --json prints",
    "output-frontier": "what reverse --frontier --json prints",
    "output-reverse-grid": "what reverse --grid --json prints",
    "output-reverse-plausible": "what reverse --plausible --json and reverse --worst-loss --json print",
    "output-history": "what history --json prints",
    "output-history-query": "what history --sql --json prints",
    "output-history-added": "what history add --json prints",
    "output-init": "what init --json prints",
    "output-doctor": "what doctor --json prints",
    "output-schemas": "what schema --json prints",
    "output-table": "what schema TABLE --json prints",
    "output-json-schema": "what schema FILE --json prints",
    "output-exit-codes": "what schema exit-codes --json prints",
    "output-error": "what any command with --json prints when it is refused, misused or interrupted",
    "log-line": "a line of --log-file",
}
EXIT_CODES = "exit-codes"
_MODELS = {
    "run": "config:RunFile",
    "scenarios": "scenarios.scenario_file:ScenarioFile",
    "margin": "margin.rulebook:Rulebook",
    "summary": "results.summary:Summary",
    "result": "results.identity:Identity",
    "manifest": "results.manifest:Manifest",
    "changes": "results.changes:Changes",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest schema positions", short_help="Print the format of every input and result.")(schema)


def schema(
    name: Annotated[str | None, typer.Argument(help="Table, file or document; without it: what there is.", metavar="[NAME]")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Print the format of every input and result: columns, keys, types, units, defaults, rules."""
    del debug
    from stresstest.cli.output import print_document
    from stresstest.cli.schema_view import model_lines
    from stresstest.tables import CONTEXT_TABLES, EXPORT_TABLES, HISTORY_TABLES, INPUT_TABLES, RESULT_TABLES

    kinds = {
        "input table": INPUT_TABLES,
        "result table": RESULT_TABLES,
        "context table": CONTEXT_TABLES,
        "history table": HISTORY_TABLES,
        "exported table": EXPORT_TABLES,
    }
    tables = {table.name: table for group in kinds.values() for table in group}
    if name is None:
        contents = [(table.name, kind, table.doc) for kind, group in kinds.items() for table in group]
        for kind, described in (("file", FILES), ("document", DOCUMENTS), ("output", PRINTED)):
            contents += [(each, kind, what) for each, what in described.items()]
        contents.append((EXIT_CODES, "contract", "exit codes of every command"))
        if as_json:
            print_document("schemas", {"schemas": [dict(zip(("name", "kind", "doc"), row, strict=True)) for row in contents]})
        else:
            print(_aligned(("name", "kind", "what"), contents))
    elif name in tables:
        if as_json:
            print_document("table", _table_content(tables[name]))
        else:
            print(_table_text(tables[name]))
    elif name in FILES | DOCUMENTS | PRINTED:
        content = _schema_of(name)
        if as_json:
            print_document("json schema", {"name": name, "schema": content})
        else:
            print("\n".join([f"{name}: {(FILES | DOCUMENTS | PRINTED)[name]}", "", *model_lines(content, content, 0)]))
    elif name == EXIT_CODES:
        _print_exit_codes(as_json)
    else:
        raise typer.BadParameter(f"there is no {name!r}; `stresstest schema` lists the names", param_hint="NAME")


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from stresstest.cli.output import text_table

    return text_table(header, rows)


def _table_content(table: Table) -> dict[str, Any]:
    columns = [{key: value for key, value in vars(column).items() if value not in ("", (), None)} for column in table.columns]
    rules = [vars(rule) for rule in table.rules]
    return {
        "name": table.name,
        "doc": table.doc,
        "optional": table.optional,
        "not_used_yet": table.not_used_yet,
        "key": list(table.key),
        "columns": columns,
        "rules": rules,
    }


def _table_text(table: Table) -> str:
    later = " Checked, and not used in this version." if table.not_used_yet else ""
    lines = [f"{table.name}: {table.doc}{later}", f"key: {', '.join(table.key) or 'none, several rows may be equal'}", ""]
    lines.append(_aligned(("column", "type", "unit", "if absent", "what"), [_column_row(column) for column in table.columns]))
    if table.rules:
        lines += ["", "rules:", *(f"  {rule.name}: {rule.hint}" for rule in table.rules)]
    return "\n".join(lines)


def _column_row(column: Column) -> tuple[str, ...]:
    absent = "required" if column.required else "null" if column.default is None else str(column.default).lower()
    what = column.doc + (f" ({' | '.join(column.choices)})" if column.choices else "") + (f" -> {column.refers_to}" if column.refers_to else "")
    what += "; not used in this version" if column.not_used_yet else ""
    return column.name, column.type, column.unit, absent if column.nullable or column.required else "never null", what


def _schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a file, of a document of a run, or of what a command prints."""
    if name in _MODELS:
        module, _, model = _MODELS[name].partition(":")
        return dict(getattr(import_module(f"stresstest.{module}"), model).model_json_schema())
    from stresstest.cli.documents import PRINTED

    return PRINTED[name].model_json_schema()


def _print_exit_codes(as_json: bool) -> None:
    from stresstest.cli.output import print_document
    from stresstest.errors import ExitCode, Reason

    reasons = {code: ", ".join(reason.label for reason in Reason if reason.exit_code == code) for code in ExitCode}
    meanings = {
        ExitCode.DONE: "done",
        ExitCode.INTERNAL: "internal error: a bug in stresstest",
        ExitCode.CONFIGURATION: "usage or configuration",
        ExitCode.INPUT_REFUSED: "input data refused",
        ExitCode.ENVIRONMENT: "the machine lacks something (for the PDF: Pango; the HTML report is still written)",
        ExitCode.LIMIT_BREACHED: "done, and the light is as bad as --fail-on asked about",
        ExitCode.LOCKED: "another run is writing the same result folder",
        ExitCode.INTERRUPTED: "interrupted; the same command takes up where it stopped",
    }
    if as_json:
        print_document("exit codes", {"exit_codes": [{"code": int(c), "meaning": meanings[c], "reasons": reasons[c]} for c in ExitCode]})
    else:
        print("\n".join(f"{int(code):>4}  {meanings[code]}" for code in ExitCode))
