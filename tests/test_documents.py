"""Documents: YAML 1.2 with positions, and every fault of a model at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BeforeValidator, Field

from stresstest.config import load_run
from stresstest.documents import (
    Amount,
    Count,
    Flag,
    Name,
    Number,
    Part,
    ToCome,
    as_list,
    document_of,
    dotted,
    not_yet,
    parse,
    problem,
    read_document,
    scalar,
    suggest,
)
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import load_rulebook
from stresstest.scenarios.files import load_scenarios


@pytest.mark.parametrize(("text", "value"), [
    ("1", 1), ("-7", -7), ("+7", 7), ("007", 7), ("0o17", 15), ("0xFF", 255), ("10_000_000", 10_000_000), ("-1_000.5", -1000.5),
    ("1e-3", 0.001), ("1.", 1.0), (".5", 0.5), ("1E5", 100000.0), ("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None),
    # text under YAML 1.2 (YAML 1.1 would read booleans, sexagesimals, dates), and groups that are not of three digits
    ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("1:30", "1:30"), ("2026-01-14", "2026-01-14"), ("2020_03", "2020_03"), ("1_0", "1_0"), ("e5", "e5"),
])  # fmt: skip
def test_scalar_is_yaml_1_2_with_thousands(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_finite_scalars_are_floats_so_that_models_can_refuse_them() -> None:
    assert scalar(".inf") == math.inf
    assert scalar("-.INF") == -math.inf
    assert math.isnan(scalar(".nan"))
    assert scalar("9" * 400) == math.inf


def test_a_document_knows_its_lines() -> None:
    document = document_of("a: 1\nb:\n  - {x: 1, y: 2}\n  - x: 3\n    y: 4\n", "f.yaml")
    assert document.data == {"a": 1, "b": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}
    assert document.line(("b", 0, "y")) == 3
    assert document.line(("b", 1, "y")) == 5
    assert document.line(("b", 1, "no such key")) == 4, "the nearest parent"
    assert document.line(()) == 1


def test_quoted_scalars_and_blocks_are_text() -> None:
    assert document_of("a: '1'\nb: \"true\"\nc: |\n  two\n  lines\n1: NO\n", "f").data == {"a": "1", "b": "true", "c": "two\nlines\n", "1": "NO"}


def test_an_alias_repeats_its_anchor() -> None:
    assert document_of("a: &x [1, 2]\nb: *x\n", "f").data == {"a": [1, 2], "b": [1, 2]}


def test_json_is_yaml_with_positions_on_demand() -> None:
    document = document_of('{\n "a": [1,\n  2.5e3],\n "b": null\n}', "f")
    assert document.data == {"a": [1, 2500.0], "b": None}
    assert document.line(("a", 1)) == 3


def test_a_flow_mapping_that_is_not_json_is_yaml() -> None:
    assert document_of("{a: 1, b: [x, 2]}", "f").data == {"a": 1, "b": ["x", 2]}


@pytest.mark.parametrize("text", ["a: 1\nb: {c: 1, c: 3}\na: 2\n", '{"a": 1,\n "b": {"c": 1, "c": 3},\n"a": 2}'])
def test_every_duplicate_key_is_refused(text: str) -> None:
    with pytest.raises(StressTestError) as caught:
        document_of(text, "f")
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [(2, "b.c"), (3, "a")]


@pytest.mark.parametrize(("text", "words", "line"), [
    ("a: [1", "expected ',' or ']'", 1),
    ("x: 1\na: !!python/object:os.system x", "tag", 2),
    ("x: 1\na: !!float 3", "tag", 2),
    ("? [a]\n: 1", "key", 1),
    ("--- 1\n--- 2", "second document", 2),
    ("a: &x [*x]", "alias *x", 1),
    ("a: *nowhere", "alias *nowhere", 1),
    ("a:\n  b: 1\n\tc: 2", "a tab", 3),
    ("a:\t1", "a tab", 1),
    ("a: b: c", "mapping values are not allowed", 1),
    ("a: \x01", "not allowed", None),
])  # fmt: skip
def test_what_is_not_yaml_is_refused_with_its_line(text: str, words: str, line: int | None) -> None:
    with pytest.raises(StressTestError) as caught:
        document_of(text, "f.yaml", Reason.SCENARIO)
    [fault] = caught.value.faults
    assert words in fault.what
    assert (fault.file, fault.line) == ("f.yaml", line)
    assert caught.value.reason is Reason.SCENARIO


def test_deep_nesting_is_refused_not_a_crash() -> None:
    for text in ("[" * 1100, "[" * 1100 + "]" * 1100):
        with pytest.raises(StressTestError, match="cannot be read"):
            document_of(text, "f")


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: Z\xfcrich")
    for path, words in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "folder"), (tmp_path / "latin.yaml", "UTF-8")):
        with pytest.raises(StressTestError) as caught:
            read_document(path)
        assert words in caught.value.faults[0].what


def test_a_tab_is_told_what_to_use_instead() -> None:
    with pytest.raises(StressTestError) as caught:
        document_of("a:\n\tb: 1", "f.yaml")
    assert "Use spaces" in caught.value.faults[0].hint


def test_a_folder_with_a_run_file_in_it_suggests_that_file(tmp_path: Path) -> None:
    with pytest.raises(StressTestError) as caught:
        load_run(tmp_path)
    assert caught.value.faults[0].hint == "Name a YAML or JSON file."
    (tmp_path / "run.yaml").write_text("version: 1\n")
    with pytest.raises(StressTestError) as caught:
        load_run(tmp_path)
    assert caught.value.faults[0].hint == f"Did you mean {tmp_path / 'run.yaml'}?"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_document(tmp_path / "f.yaml").data == {"a": 1}


def test_a_place_is_written_as_people_do() -> None:
    assert dotted(("scenarios", 3, "shocks", 0, "factor")) == "scenarios[3].shocks[0].factor"


# ---------------------------------------------------------------- models


class Leaf(Part):
    from_: Annotated[Number, Field(alias="from")]
    rate: Amount = 0.0
    kind: Literal["tiered", "portfolio"] = "tiered"


class Tree(Part):
    name: Name
    count: Count = 1
    flag: Flag = False
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = Field(default={})
    one: Leaf | None = None
    words: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    cascade: ToCome = None


def _faults(text: str, model: type[Part] = Tree) -> list[tuple[int | None, str | None, str, str]]:
    with pytest.raises(StressTestError) as caught:
        parse(model, document_of(text, "f.yaml"), Reason.CONFIGURATION)
    return [(fault.line, fault.path, fault.what, fault.hint) for fault in caught.value.faults]


def test_a_good_document_parses() -> None:
    tree = parse(Tree, document_of("name: x\nleaves: [{from: 1}]\nnamed: {a: {from: 2, rate: 0.5}}\nwords: one", "f"), Reason.CONFIGURATION)
    assert tree.leaves[0].from_ == 1.0
    assert tree.named["a"].rate == 0.5
    assert tree.words == ("one",)


def test_every_fault_is_found_at_once_with_line_path_and_mend() -> None:
    text = """
nam: x
count: true
flag: 1
leaves:
  - {from: "1", rate: -1}
  - {form: 1, kind: teired}
named:
  a: {from: .nan}
  b: 7
one: {from: 5%}
"""
    assert _faults(text) == [
        (2, "name", "`name` is missing", "Add `name`."),
        (3, "count", "must be a whole number, not true", ""),
        (4, "flag", "must be true or false, not 1", ""),
        (6, "leaves[0].from", "must be a number, not '1'", "Write it without quotes."),
        (6, "leaves[0].rate", "must be at least 0, not -1", ""),
        (7, "leaves[1].from", "`from` is missing", "Add `from`."),
        (7, "leaves[1].kind", "must be one of tiered, portfolio, not 'teired'", "Did you mean `tiered`?"),
        (7, "leaves[1].form", "unknown key `form`", "Did you mean `from`?"),
        (9, "named.a.from", "must be a finite number, not nan", ""),
        (10, "named.b", "must be a mapping of keys to values, not 7", ""),
        (11, "one.from", "must be a number, not '5%'", "Shares are decimals: 0.05, not 5%."),
        (2, "nam", "unknown key `nam`", "Did you mean `name`?"),
    ]


def test_an_unknown_key_without_likeness_lists_the_known_ones_that_work() -> None:
    assert _faults("name: x\nzzz: 1") == [(2, "zzz", "unknown key `zzz`", "Known keys: name, count, flag, leaves, named, one, words.")]


def test_an_empty_document_says_what_it_needs() -> None:
    assert _faults("# nothing\n") == [(1, None, "is empty", "Needed: name.")]


def test_text_where_a_mapping_belongs() -> None:
    assert _faults("just text") == [(1, None, "must be a mapping of keys to values, not 'just text'", "")]


def test_features_to_come_have_their_reason_unless_something_else_is_wrong() -> None:
    with pytest.raises(StressTestError) as alone:
        parse(Tree, document_of("name: x\ncascade: {}", "f"), Reason.CONFIGURATION)
    assert alone.value.reason is Reason.NOT_IN_THIS_VERSION
    assert alone.value.faults[0].text() == "f:2, cascade: `cascade`: not in this version. Remove the key."
    with pytest.raises(StressTestError) as mixed:
        parse(Tree, document_of("nme: x\ncascade: {}", "f"), Reason.MARGIN_FILE)
    assert mixed.value.reason is Reason.MARGIN_FILE


def test_validators_raise_problems_with_hints() -> None:
    def odd(value: Any) -> Any:
        if value == 3:
            raise problem("three is taken", "Use two.")
        if value == 4:
            raise not_yet("four")
        return value

    class Odd(Part):
        x: Annotated[int, BeforeValidator(odd)]
        y: Annotated[int, BeforeValidator(odd)]

    assert _faults("x: 3\ny: 4", Odd) == [(1, "x", "three is taken", "Use two."), (2, "y", "four: not in this version", "")]


RUN, SCENARIOS, MARGIN = "snapshot: s\nscenarios: [a]\nmargin: m\n", "scenarios: [{id: a, shocks: []}]\n", "models: {default: {kind: tiered}}\n"


@pytest.mark.parametrize(
    ("load", "text", "told"),
    [
        (load_run, SCENARIOS, "is a scenario file, where a run file is needed"),
        (load_run, MARGIN, "is a margin file, where a run file is needed"),
        (load_rulebook, RUN, "is a run file, where a margin file is needed"),
        (load_rulebook, SCENARIOS, "is a scenario file, where a margin file is needed"),
        (lambda path: load_scenarios([path]), RUN, "is a run file, where a scenario file is needed"),
        (lambda path: load_scenarios([path]), MARGIN, "is a margin file, where a scenario file is needed"),
    ],
)
def test_a_file_in_the_place_of_another_is_one_fault(tmp_path: Path, load: Any, text: str, told: str) -> None:
    (tmp_path / "file.yaml").write_text(text)
    with pytest.raises(StressTestError) as caught:
        load(tmp_path / "file.yaml")
    assert [fault.what for fault in caught.value.faults] == [told]


def test_a_file_that_leaves_open_what_it_is_has_its_own_faults(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("scenarios: []\nmargin: m\n")
    with pytest.raises(StressTestError) as caught:
        load_run(tmp_path / "file.yaml")
    assert [fault.what for fault in caught.value.faults] == ["`snapshot` is missing"]


def test_a_hint_lists_what_there_is_and_of_very_many_the_first() -> None:
    assert suggest("spt", ["spot", "vol"], "Types") == "Did you mean `spot`?"
    assert suggest("nope", ["spot", "vol"], "Types") == "Types: spot, vol."
    assert suggest("nope", [], "Types") == ""
    many = [f"s{number:03d}" for number in range(100)]
    assert suggest("nope", many, "Scenarios") == f"Scenarios: {', '.join(many[:24])} and 76 more."


class Round(Part):
    kind: Literal["round"] = "round"
    radius: float = 1.0


class Square(Part):
    kind: Literal["square"]
    side: float = 1.0


class Shapes(Part):
    shapes: dict[str, Square | Round]


def test_a_key_of_another_kind_is_said_to_be_of_that_kind() -> None:
    found = _faults("shapes:\n  a: {kind: square, radius: 2}\n", Shapes)
    assert (2, "shapes.a.radius", "unknown key `radius` for this kind", "Only kind round has it.") in found
