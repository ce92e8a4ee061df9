"""Reverse stress by plausibility: the likeliest way to a loss, and the largest loss that is still likely, in units of a covariance.

Everything here is about moves x of factors, a covariance S of them, and exposures of accounts: equity E + w'x, or E + w'x + x'Gx/2. How far x is
out is the Mahalanobis distance sqrt(x' S^-1 x).
"""
