"""Scenarios that have a weight, as probabilities: how likely accounts are to fail, and how losses of owners and of the book are spread."""
