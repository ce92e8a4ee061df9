"""Instruments at states: marks, forwards, option prices, and the unit values that positions multiply."""
