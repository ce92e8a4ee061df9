"""Parquet tables read by DuckDB, checked against `tables`, netted and staged into blocks: the Book."""
