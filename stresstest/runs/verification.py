"""What `verify` found, as a document and in words."""

from __future__ import annotations

from collections.abc import Iterator

from stresstest.errors import counted
from stresstest.report.formats import moment
from stresstest.results.chain import Link
from stresstest.results.documents import Document
from stresstest.results.reproduction import CLOSE, Difference, TableCheck

GOOD = ("same", "close", "new")
"""Outcomes of a table that speak for the run; a table that only later code makes says nothing."""

_SHOWN = 60
"""Characters of a value in a line for people; the document has all of it."""

_BEFORE = 15
"""Characters shown of what two long values have in common before they differ."""


class Condition(Document):
    """Something that was not the same when the run was made; null: not there."""

    what: str
    then: str | None
    now: str | None


class Verification(Document):
    """Whether a run comes out again, from its copies of the inputs and its snapshot.

    `relative` is the tolerance of figures, null where tables had to be the same bit for bit; `conditions` says why it is not null.
    `code_then` and `code_now` are the version and the start of the SHA-256 of the package's source. `inputs` maps input tables to their
    SHA-256, which are those of the run. `question` are keys of the specification that other code understands differently. `not_compared`
    are tables that hold what the run learned from earlier ones: they are looked at for changes only. `chain` are the runs of the book before
    this one, newest first; null where it was not asked for.
    """

    result_id: str
    as_of: str
    verified: bool
    relative: float | None
    conditions: tuple[Condition, ...]
    code_then: str
    code_now: str
    inputs: dict[str, str]
    question: tuple[str, ...]
    tables: tuple[TableCheck, ...]
    not_compared: tuple[str, ...]
    chain: tuple[Link, ...] | None
    seconds: float

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def other_code(self) -> bool:
        """The run was made by other code than what computed it again."""
        return self.code_then != self.code_now

    def lines(self) -> Iterator[str]:
        """For a person: the answer, under which conditions, and every table that is not the same."""
        yield self._answer()
        yield f"folder    as its run left it, result {self.result_id[:12]} as of {moment(self.as_of)}"
        yield f"inputs    unchanged: {', '.join(self.inputs)}"
        if self.other_code:
            yield f"code      another: the run is of {self.code_then}, this is {self.code_now}; differences may be improvements (CHANGELOG.md)"
        if self.relative is not None:
            yield f"machine   another, so figures are the same to {self.relative:g} relative:"
            yield from (f"          {each.what}: {_text(each.then)} then, {_text(each.now)} now" for each in self.conditions)
        if self.question:
            yield f"question  other code understands it differently: {', '.join(self.question)}"
        same = [each for each in self.tables if each.outcome == "same"]
        yield f"tables    {counted(len(self.tables) - 1, 'table')} and summary.json compared, {len(same):,} the same bit for bit"
        for each in self.tables:
            if each.outcome != "same":
                yield f"  {each.table}: {_told(each)}"
                if each.first is not None:
                    yield f"    first: {_first(each.first)}"
        if self.not_compared:
            yield f"          not compared, since they hold what was known of earlier runs: {', '.join(self.not_compared)}"
        if self.chain is not None:
            yield f"chain     {self._chain()}"
            yield from (f"  {moment(each.as_of)}, {each.result_id[:12]}: {each.state}, {each.what} ({each.folder})" for each in self.chain)

    def _chain(self) -> str:
        if not self.chain:
            return "the run notes none before it: it is the first of its book, or has no history"
        good = sum(each.state == "intact" for each in self.chain)
        told = f"{counted(good, 'earlier run')} with the manifest that the next one noted"
        last = self.chain[-1]
        return f"{told}; broken at {moment(last.as_of)}" if last.broken else told

    def _answer(self) -> str:
        took = f"computed again in {self.seconds:,.1f} s"
        if self.verified:
            how = "bit for bit" if all(each.outcome in ("same", "new") for each in self.tables) else f"to {CLOSE:g} relative"
            return f"VERIFIED  every table is the same {how}; {took}"
        if self.chain and self.chain[-1].broken and all(each.outcome in GOOD for each in self.tables):
            return f"NOT VERIFIED  every table comes out again, but the chain of manifests is broken; {took}"
        wrong = [each.table for each in self.tables if each.outcome in ("different", "missing")]
        return f"NOT VERIFIED  {', '.join(wrong)} came out differently; {took}"


def _told(check: TableCheck) -> str:
    if check.outcome == "missing":
        return "not computed again"
    if check.outcome == "new":
        return "the run has no such table; this code makes it"
    largest = f"; largest difference of a figure {check.largest:.2g} relative" if check.largest else ""
    if check.outcome == "close":
        return f"the same but for rounding{largest}"
    if check.different_rows == 0:
        return "the same values in other bytes (how the file is written has changed)"
    values, rows = counted(check.different_values, "value"), counted(check.different_rows, "row")
    return f"{values} differ{'s' if check.different_values == 1 else ''} in {rows}, of {check.rows:,}{largest}"


def _first(first: Difference) -> str:
    key = ", ".join(f"{name} {_text(value)}" for name, value in first.key.items())
    if first.present == "both":
        run, again = _beside(_whole(first.run), _whole(first.again))
        return f"{key}: {first.column} is {run} in the run, {again} computed again"
    return f"{key}: the row is only {'in the run' if first.present == 'run' else 'in what was computed again'}"


def _beside(run: str, again: str) -> tuple[str, str]:
    """Two texts, cut; of long ones that begin alike the beginning is left out, so that what differs is seen."""
    alike = next((place for place, (one, other) in enumerate(zip(run, again, strict=False)) if one != other), min(len(run), len(again)))
    start = max(0, alike - _BEFORE) if max(len(run), len(again)) > _SHOWN else 0
    before = "…" if start else ""
    return before + _cut(run[start:]), before + _cut(again[start:])


def _text(value: object) -> str:
    return _cut(_whole(value))


def _whole(value: object) -> str:
    return "none" if value is None else repr(value) if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
