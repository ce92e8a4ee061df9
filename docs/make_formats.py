#!/usr/bin/env python3
"""Write the generated parts of docs/formats.md: every input and result table, from stresstest/tables.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`. Run it after a change of
stresstest/tables; tests/test_docs.py fails while the page is not current.
"""

from __future__ import annotations

import re
from pathlib import Path

from stresstest.tables import CONTEXT_TABLES, HISTORY_TABLES, INPUT_TABLES, MEASURES, RESULT_TABLES, Column, Table

PAGE = Path(__file__).with_name("formats.md")
PART = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL)


def cell(text: str) -> str:
    """The text as it may stand in a Markdown table."""
    return text.replace("|", "\\|")


def absent(column: Column) -> str:
    """What happens where the column, or a value in it, is not there."""
    if column.required:
        return "refused"
    return "null" if column.default is None else f"`{str(column.default).lower()}`"


def description(column: Column) -> str:
    """What the column is, with its choices and the column it refers to."""
    choices = f": {', '.join(f'`{choice}`' for choice in column.choices)}" if column.choices else ""
    later = "; not used in this version" if column.not_used_yet else ""
    return cell(column.doc + choices + (f" (among `{column.refers_to}`)" if column.refers_to else "") + later)


def input_table(table: Table) -> str:
    """The section of one input table."""
    notes = [table.doc, *(["Optional table."] if table.optional else []), *(["Checked, and not used in this version."] if table.not_used_yet else [])]
    lines = [f"### {table.name}", "", " ".join(notes)]
    lines.append(f"Key: {' + '.join(f'`{name}`' for name in table.key)}." if table.key else "No key: equal rows are separate lots.")
    lines += ["", "| column | type | unit | if absent or null | what |", "|---|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.type} | {cell(c.unit)} | {absent(c)} | {description(c)} |" for c in table.columns]
    if table.rules:
        lines += ["", "Rules:", "", *(f"- {rule.name} (`{rule.column}`). {rule.hint}" for rule in table.rules)]
    return "\n".join(lines)


def result_table(table: Table) -> str:
    """The section of one result table."""
    lines = [f"### {table.name}", "", table.doc, f"Key: {' + '.join(f'`{name}`' for name in table.key)}."]
    lines += ["", "| column | type | unit | may be null | what |", "|---|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.type} | {cell(c.unit)} | {'yes' if c.nullable else 'no'} | {description(c)} |" for c in table.columns]
    return "\n".join(lines)


def measures() -> str:
    """The figures that every pool and account has in every scenario."""
    return "\n".join(["| measure | what |", "|---|---|", *(f"| `{c.name}` | {description(c)} |" for c in MEASURES)])


def parts() -> dict[str, str]:
    """The generated parts by name."""
    return {
        "input tables": "\n\n".join(map(input_table, INPUT_TABLES)),
        "measures": measures(),
        "result tables": "\n\n".join(map(result_table, RESULT_TABLES)),
        "context tables": "\n\n".join(map(result_table, CONTEXT_TABLES)),
        "history tables": "\n\n".join(map(result_table, HISTORY_TABLES)),
    }


def current(page: str) -> str:
    """The page with its generated parts renewed."""
    made = parts()
    return PART.sub(lambda match: f"{match[1]}\n{made[match['name']]}\n\n{match[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
