"""The process that makes the HTML of a run: it reads the result tables, draws the charts and fills in the template.

Started as `python -m stresstest.report.html_child`; takes what is asked for as JSON on stdin, answers with JSON on stdout.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from pathlib import Path

from stresstest.errors import StressTestError
from stresstest.report.charts.style import warm_up
from stresstest.report.children import refuse


def main() -> None:
    """Answer one request: `folder`, `audit` (None: the run's own manifest) and `templates` in; `html`, `document` and `created` out."""
    gc.disable()  # it lives for one document
    # The drawing library takes a third of a second to start its engine: that is done while tables are read.
    threading.Thread(target=warm_up, daemon=True).start()
    from stresstest.report.facts import facts
    from stresstest.report.html import render_html

    asked = json.loads(sys.stdin.buffer.read())
    folder, templates = Path(asked["folder"]), asked["templates"]
    try:
        audit = json.loads((folder / "manifest.json").read_bytes()) if asked["audit"] is None else asked["audit"]
        view = facts(folder, audit)
        html = render_html(view, None if templates is None else Path(templates))
    except StressTestError as error:
        refuse(error)
    sys.stdout.write(json.dumps({"html": html, "document": view.audit.document, "created": view.created}))
    sys.stdout.flush()
    os._exit(0)  # taking a hundred thousand objects apart takes time, and the end of the process does it


if __name__ == "__main__":
    main()
