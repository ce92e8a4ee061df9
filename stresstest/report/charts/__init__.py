"""Drawing: the data of a chart as an Altair object, and that as SVG. What to draw of a run: `run_charts`, `chart_data`."""
