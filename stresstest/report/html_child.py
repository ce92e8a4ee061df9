"""The process that makes the HTML of a run: it reads the result tables, draws the charts and fills in the template.

Started as `python -m stresstest.report.html_child`; takes what is asked for as JSON on stdin, answers with JSON on stdout.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stresstest.errors import StressTestError
from stresstest.report.charts.style import warm_up
from stresstest.report.children import refuse


def answer(asked: Mapping[str, Any]) -> str:
    """One request: `folder`, `audit` (None: the run's own manifest) and `templates` in; JSON with `html`, `document` and `created` out.

    Raises:
        StressTestError: input data, when a table or document of the run is missing or damaged; configuration, when a template is wrong.
    """
    from stresstest.report.facts import facts
    from stresstest.report.html import render_html

    folder, templates = Path(asked["folder"]), asked["templates"]
    audit = json.loads((folder / "manifest.json").read_bytes()) if asked["audit"] is None else asked["audit"]
    view = facts(folder, audit)
    html = render_html(view, None if templates is None else Path(templates))
    return json.dumps({"html": html, "document": view.audit.document, "created": view.created})


def main() -> None:
    """Answer the request on stdin."""
    gc.disable()  # it lives for one document
    # The drawing library takes a third of a second to start its engine: that is done while tables are read.
    threading.Thread(target=warm_up, daemon=True).start()
    import stresstest.report.facts
    import stresstest.report.html  # noqa: F401 - loaded while the caller does something else

    asked = json.loads(sys.stdin.buffer.read())
    try:
        answered = answer(asked)
    except StressTestError as error:
        refuse(error)
    sys.stdout.write(answered)
    sys.stdout.flush()
    os._exit(0)  # taking a hundred thousand objects apart takes time, and the end of the process does it


if __name__ == "__main__":
    main()
