"""The report: facts of a finished run as a view model, charts, HTML and PDF."""
