"""Where the report's own files are: templates, style sheet, script and fonts shipped with the package."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path

from stresstest.errors import Fault, Reason, StressTestError

FONT_FAMILIES = ("Inter", "Inter Extended", "Inter Greek")
"""The shipped font as three families, one a file: PDF layout takes two files of one family and weight for the same font and mixes up their glyphs."""

_FONT_WEIGHTS = (400, 600)

_FONT_RANGES = {
    "latin": "U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6, U+02DA, U+02DC, U+2000-206F, U+20AC, U+2122, U+2190-2193, U+2212, U+FFFD",
    "latin-ext": "U+0100-02BA, U+02BD-02C5, U+02C7-02CC, U+02CE-02D7, U+02DD-02FF, U+1E00-1E9F, U+1EF2-1EFF, U+20A0-20AB, U+20AD-20C0",
    "greek": "U+0370-0377, U+037A-037F, U+0384-038A, U+038C, U+038E-03A1, U+03A3-03FF",
}
"""Code points of each font file, in the order of `FONT_FAMILIES`, as the font's package states them."""


def templates_folder() -> Path:
    """The shipped templates: inside the installed package, else beside it in a checkout.

    Raises:
        StressTestError: (environment) when neither exists, so the installation is incomplete.
    """
    installed = Path(str(files("stresstest"))) / "_templates"
    checkout = Path(str(files("stresstest"))).parent / "templates"
    for folder in (installed, checkout):
        if (folder / "report.html.j2").is_file():
            return folder
    raise StressTestError(
        Reason.ENVIRONMENT,
        "the report's templates are missing",
        [Fault("no report.html.j2 beside or inside the package", "Install the package again: pip install --force-reinstall stresstest.")],
    )


def font_faces() -> str:
    """The `@font-face` rules of the shipped font with every file inside as a data: address, so that a report loads nothing."""
    fonts = templates_folder() / "fonts"
    rules = []
    for weight in _FONT_WEIGHTS:
        for family, (subset, code_points) in zip(FONT_FAMILIES, _FONT_RANGES.items(), strict=True):
            data = base64.b64encode((fonts / f"inter-{subset}-{weight}-normal.woff2").read_bytes()).decode("ascii")
            rules.append(
                f"@font-face{{font-family:'{family}';font-style:normal;font-weight:{weight};font-display:block;"
                f"src:url(data:font/woff2;base64,{data}) format('woff2');unicode-range:{code_points}}}"
            )
    return "\n".join(rules)
