"""Scenario files and their resolution against a book: which factor takes which value in which scenario."""
