"""`stresstest schema`: every table, file and document that is read or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stresstest.cli.options import Debug, Json

if TYPE_CHECKING:
    from pydantic import BaseModel

    from stresstest.tables import Column, Table

FILES = {"run": "run file (YAML)", "scenarios": "scenario file (YAML)", "margin": "margin file (YAML)"}
DOCUMENTS = {"summary": "summary.json of a run", "result": "result.json of a run", "manifest": "manifest.json of a run"}
EXIT_CODES = "exit-codes"


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
    from stresstest.tables import INPUT_TABLES, RESULT_TABLES

    tables = {table.name: table for table in (*INPUT_TABLES, *RESULT_TABLES)}
    if name is None:
        contents = [(table.name, "input table" if table in INPUT_TABLES else "result table", table.doc) for table in tables.values()]
        contents += [(each, "file", what) for each, what in FILES.items()] + [(each, "document", what) for each, what in DOCUMENTS.items()]
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
    elif name in FILES or name in DOCUMENTS:
        content = _model(name).model_json_schema()
        if as_json:
            print_document("json schema", {"name": name, "schema": content})
        else:
            print("\n".join([f"{name}: {(FILES | DOCUMENTS)[name]}", "", *_model_lines(content, content, 0)]))
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


def _model(name: str) -> type[BaseModel]:
    if name == "run":
        from stresstest.config import RunFile

        return RunFile
    if name == "scenarios":
        from stresstest.scenarios.model import ScenarioFile

        return ScenarioFile
    if name == "margin":
        from stresstest.margin.rulebook import Rulebook

        return Rulebook
    if name == "summary":
        from stresstest.results.summary import Summary

        return Summary
    if name == "result":
        from stresstest.results.identity import Identity

        return Identity
    from stresstest.results.manifest import Manifest

    return Manifest


def _model_lines(node: Mapping[str, Any], whole: Mapping[str, Any], depth: int) -> list[str]:
    """The keys of an object, one a line, those of objects below it indented."""
    lines = []
    required = node.get("required", ())
    for key, value in node.get("properties", {}).items():
        indent = "  " * depth
        if _to_come(value):
            lines.append(f"{indent}{key}: not in this version")
            continue
        default = "required" if key in required else f"default {_shown(value['default'])}" if "default" in value else "optional"
        description = " ".join(str(value.get("description", "")).split())
        lines.append(f"{indent}{key}: {_type(value, whole)} ({default})" + (f"  {description}" if description else ""))
        below = _object(value, whole)
        if below is not None:
            lines += _model_lines(below, whole, depth + 1)
    return lines


def _to_come(node: Mapping[str, Any]) -> bool:
    """A key that only null may be given for: its schema allows anything and its default is null."""
    return set(node) <= {"default", "title"} and node.get("default", ...) is None


def _target(node: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref")
    return whole["$defs"][reference.rpartition("/")[2]] if reference else node


def _object(node: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any] | None:
    node = _target(node, whole)
    if "properties" in node:
        return node
    for below in (node.get("items"), node.get("additionalProperties"), *node.get("anyOf", ()), *node.get("allOf", ())):
        if isinstance(below, dict):
            found = _object(below, whole)
            if found is not None:
                return found
    return None


def _type(node: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    node = _target(node, whole)
    if "enum" in node:
        return " | ".join(str(choice) for choice in node["enum"])
    if "const" in node:
        return str(node["const"])
    if "anyOf" in node:
        return " | ".join(dict.fromkeys(_type(each, whole) for each in node["anyOf"]))
    if "prefixItems" in node:
        return f"[{', '.join(_type(each, whole) for each in node['prefixItems'])}]"
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}), whole)}"
    if node.get("type") == "object" and "properties" not in node:
        return f"name -> {_type(node.get('additionalProperties') or {}, whole)}" if isinstance(node.get("additionalProperties"), dict) else "mapping"
    return str(node.get("type", "any"))


def _shown(value: object) -> str:
    """A default as YAML would have it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


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
