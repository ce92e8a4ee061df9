"""Words that are no numbers, no choices and no flags, as a person reads about them."""

from __future__ import annotations

import doctest

import pytest
import typer

from stresstest.cli import main, misuse

RUN = ["run", "run.yaml"]
LINT = ["scenarios", "lint", "run.yaml"]


def told(words: list[str]) -> str:
    with pytest.raises(typer.TyperException) as caught:
        main.app(words, standalone_mode=False)
    return misuse.usage_text(caught.value)


@pytest.mark.parametrize(("words", "text"), [
    ([*RUN, "--threads", "zero"], "'--threads': must be a whole number of at least 1, not 'zero'. For example: --threads 4."),
    ([*RUN, "--threads", "0"], "'--threads': must be a whole number of at least 1, not 0. For example: --threads 4."),
    ([*RUN, "--threads", "2.5"], "'--threads': must be a whole number of at least 1, not 2.5. For example: --threads 4."),
    ([*RUN, "--seed", "x"], "'--seed': must be a whole number of at least 0, not 'x'. For example: --seed 4."),
    ([*RUN, "--fail-on", "green"], "'--fail-on' (env var: 'STRESSTEST_FAIL_ON'): must be one of amber, red, not 'green'."),
    ([*LINT, "--max-unshocked", "2"], "'--max-unshocked': must be a number from 0 to 1, not 2. A share is a decimal: 0.25 is 25 %."),
    ([*LINT, "--max-unshocked", "5%"], "'--max-unshocked': must be a number from 0 to 1, not '5%'. A share is a decimal: 0.25 is 25 %."),
    ([*LINT, "--fail-on", "green"], "'--fail-on': must be one of warning, info, not 'green'."),
    ([*LINT, "--fail-on", "warn"], "'--fail-on': must be one of warning, info, not 'warn'. Did you mean `warning`?"),
    ([*LINT, "--max-unshocked", "nan"], "'--max-unshocked': must be a number from 0 to 1, not 'nan'. A share is a decimal: 0.25 is 25 %."),
    (["report", "run", "--timeout", "0"], "'--timeout': must be a number from 1 to 86400, not 0. For example: --timeout 300."),
])  # fmt: skip
def test_a_wrong_value_is_told_with_what_is_allowed(words: list[str], text: str):
    assert told(words) == f"Invalid value for {text}"


def test_a_variable_of_the_environment_is_told_in_the_same_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STRESSTEST_DEBUG", "maybe")
    assert told(["doctor"]) == "Invalid value for '--debug' (env var: 'STRESSTEST_DEBUG'): must be true or false, not 'maybe'."


def test_other_misuse_is_told_by_typer():
    assert told([*RUN, "--nope"]).startswith("No such option: --nope")
    assert told(["run"]) == "Missing argument 'RUN.yaml'."


def test_the_examples_are_true():
    assert doctest.testmod(misuse).failed == 0
