"""Result tables, summary, identity, manifest and data quality of a run."""
