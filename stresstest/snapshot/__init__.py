"""Parquet tables read by DuckDB, checked against `tables.py`, netted and staged into blocks: the Book."""
