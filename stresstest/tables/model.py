"""What is said of a table: its columns with type, unit and nullability, its key, and the rules of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA_VERSION = 1

Type = Literal["string", "float", "integer", "boolean", "timestamp", "date", "string list"]


@dataclass(frozen=True)
class Rule:
    """A named condition on the rows of a table; `sql` is true where a row is good (null counts as good)."""

    name: str
    sql: str
    column: str
    hint: str


@dataclass(frozen=True)
class Column:
    """One column: `required` must exist in the file, `nullable` may hold nulls, `default` fills nulls and absence.

    `not_used_yet`: the column belongs to the format and is checked, and no figure of this version depends on it.
    """

    name: str
    type: Type
    doc: str
    unit: str = ""
    required: bool = False
    nullable: bool = True
    default: str | float | bool | None = None
    choices: tuple[str, ...] = ()
    refers_to: str = ""
    """`table.column` whose values this column must be among."""
    not_used_yet: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its columns, the key that must be unique, and the rules of its rows; `not_used_yet` as of columns."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    optional: bool = False
    not_used_yet: bool = False

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(column.name for column in self.columns)
