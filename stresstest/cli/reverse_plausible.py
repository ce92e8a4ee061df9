"""`stresstest reverse --plausible` and `--worst-loss`: the likeliest move to a target, and the worst move that is still so likely."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from stresstest.cli.narration import Narrator
    from stresstest.config import RunFile
    from stresstest.results.manifest import Manifest

DISTANCE = 10.0
"""Standard deviations up to which a target is looked for unless asked otherwise."""


class PlausibleWords(NamedTuple):
    """What was asked. `others`: options that were given and belong to other questions."""

    target: str | None
    plausible: bool
    worst_loss: float | None
    most: float | None
    covariance_days: int
    shrinkage: Literal["none", "ledoit_wolf", "clip"]
    returns: Literal["log", "relative"]
    horizon_days: float
    factors: str | None
    others: tuple[str, ...]


def check_words(asked: PlausibleWords) -> None:
    """Refuse options that do not go together.

    Raises:
        StressTestError: usage, with those that are to be left out, or the target that is missing.
    """
    from stresstest.errors import Reason, StressTestError

    unused = list(asked.others)
    unused += ["--worst-loss"] if asked.plausible and asked.worst_loss is not None else []
    unused += ["--most"] if asked.worst_loss is not None and asked.most is not None else []
    if unused:
        option = "--plausible" if asked.plausible else "--worst-loss"
        raise StressTestError(Reason.USAGE, f"{option} does not go with {', '.join(unused)}", hint=f"Leave out {' and '.join(unused)}.")
    if asked.target is None and asked.worst_loss is None:
        raise StressTestError(Reason.USAGE, "nothing is looked for", hint="Name a --target, for example --target accounts-in-default:10.")


def answer_plausibly(
    asked: PlausibleWords,
    settings: RunFile,
    manifest: Manifest | None,
    narrator: Narrator,
    out: Path | None,
    *,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find, write and print the answer."""
    from stresstest.cli.output import print_document
    from stresstest.cli.plausible_view import plausible_text
    from stresstest.runs.reverse.covariance import MoveTerms
    from stresstest.runs.reverse.plausible import answer

    question: Literal["target", "worst"] = "target" if asked.worst_loss is None else "worst"
    reach = asked.worst_loss if asked.worst_loss is not None else DISTANCE if asked.most is None else asked.most
    factors = None if asked.factors is None else tuple(word.strip() for word in asked.factors.split(",") if word.strip())
    terms = MoveTerms(factors, asked.covariance_days, asked.shrinkage, asked.returns, asked.horizon_days, reach)
    found = answer(settings, asked.target or "uncollateralised-loss", question, terms, manifest, narrator)
    document = found.document
    if out is not None and found.scenarios is not None:
        document = document.model_copy(update={"file": str(found.write(out, force=force))})
    narrator.figures = {"distance": document.distance, "directions": document.directions}
    if as_json:
        print_document("reverse-plausible", document.model_dump(mode="json"))
        return
    print(plausible_text(document), end="")
    tell_unwritten(out, document.file, quiet=quiet)


def tell_unwritten(out: Path | None, file: str | None, *, quiet: bool) -> None:
    """Say that the scenario file asked for was not written, as no scenario was found."""
    if out is not None and file is None and not quiet:
        sys.stderr.write(f"no scenario found: {out} was not written\n")
