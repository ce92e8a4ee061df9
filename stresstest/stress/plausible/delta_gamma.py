"""Books with curvature: P&L w'x + x'Gx/2 on ellipsoids, as one-dimensional problems.

`exposure` w f64[factors] and `curvature` G f64[factors, factors] are in reporting currency gained for a move of one, `covariance` S f64[factors,
factors]; moves x that are found are f64[factors].

With S = A A' and A'GA = U D U', x = A U z has distance |z|, and the P&L is g'z + z'Dz/2 with g = U'A'w.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

Floats = npt.NDArray[np.float64]

_HARD = 1e-10
"""Share of the largest slope below which a factor has none along an axis of curvature."""


@dataclass(frozen=True)
class _Axes:
    """The problem in its own axes: `slope` g, `curvature` D ascending, `back` from z to x."""

    slope: Floats
    curvature: Floats
    back: Floats


def _axes(covariance: Floats, exposure: Floats, curvature: Floats) -> _Axes:
    root = np.linalg.cholesky(covariance)
    values, vectors = np.linalg.eigh(root.T @ ((curvature + curvature.T) / 2.0) @ root)
    return _Axes(vectors.T @ root.T @ exposure, values, root @ vectors)


def likeliest(covariance: Floats, exposure: Floats, curvature: Floats, loss: float) -> Floats | None:
    """The move least far out at which the P&L is -loss (above zero); None where no move loses so much.

    Stationary points are z(m) = -m g / (1 + m d), along which the P&L falls monotonically for m in (0, -1/d_min), or (0, inf) without losing
    curvature. Where the slope along d_min is zero (the hard case), what is lacking is made up along that axis.
    """
    axes = _axes(covariance, exposure, curvature)
    low = float(axes.curvature[0])
    scale = float(np.abs(axes.slope).max(initial=0.0))
    hardly = np.abs(axes.slope) <= _HARD * max(scale, 1e-300)

    def at(m: float) -> Floats:
        return np.asarray(-m * axes.slope / (1.0 + m * axes.curvature))

    def lost(m: float) -> float:
        z = at(m)
        return float(-(axes.slope @ z + 0.5 * (axes.curvature * z) @ z))

    if low < 0.0 and bool(hardly[axes.curvature <= low * (1.0 - 1e-12)].all()):
        free = axes.curvature <= low * (1.0 - 1e-12)
        at_edge = np.where(free, 0.0, -(-1.0 / low) * axes.slope / np.where(free, 1.0, 1.0 - axes.curvature / low))
        so_far = float(-(axes.slope @ at_edge + 0.5 * (axes.curvature * at_edge) @ at_edge))
        if so_far <= loss:
            z = at_edge.copy()
            z[int(np.flatnonzero(free)[0])] = np.sqrt(2.0 * (loss - so_far) / -low)
            return np.asarray(axes.back @ z)
        m = _root(lambda m: lost(m) - loss, -1.0 / low)
    else:
        m = _root(lambda m: lost(m) - loss, -1.0 / low if low < 0.0 else np.inf)
    return None if m is None else np.asarray(axes.back @ at(m))


def _root(figure: Callable[[float], float], end: float) -> float | None:
    """Where an ascending figure that is below zero at zero is zero, in (0, end); None where it stays below."""
    if np.isfinite(end):
        upper, step = 0.5 * end, 0.5 * end
        for _ in range(200):
            if figure(upper) >= 0.0:
                return float(brentq(figure, upper - step, upper, xtol=1e-300, rtol=8.9e-16, maxiter=500))
            step *= 0.5
            upper += step
            if upper >= end:
                return None
        return None
    upper = 1.0
    while figure(upper) > 0.0 and upper > 1e-280:
        upper *= 0.5
    for _ in range(2000):
        if figure(upper) >= 0.0:
            return float(brentq(figure, 0.0, upper, xtol=1e-300, rtol=8.9e-16, maxiter=500))
        if upper > 1e280:
            return None
        upper *= 2.0
    return None


def worst(covariance: Floats, exposure: Floats, curvature: Floats, radius: float) -> Floats:
    """The move inside the ellipsoid of this radius with the least P&L (the trust-region subproblem).

    z = -g / (D + l) with l >= max(0, -d_min): inside where l = 0, else |z| = radius; in the hard case the rest of the radius lies along d_min.
    """
    axes = _axes(covariance, exposure, curvature)
    low = float(axes.curvature[0])
    if radius == 0.0:
        return np.zeros(len(exposure))
    if low > 0.0:
        inside = -axes.slope / axes.curvature
        if inside @ inside <= radius * radius:
            return np.asarray(axes.back @ inside)
    least = max(0.0, -low)
    free = axes.curvature <= low + 1e-12 * max(1.0, abs(low))

    def length(extra: float) -> float:
        z = axes.slope / (axes.curvature + extra)
        return float(np.sqrt(z @ z))

    with np.errstate(divide="ignore", invalid="ignore"):
        edge = np.where(free, 0.0, axes.slope / np.where(free, 1.0, axes.curvature + least))
    scale = float(np.abs(axes.slope).max(initial=0.0))
    if np.all(np.abs(axes.slope[free]) <= _HARD * max(scale, 1e-300)) and float(edge @ edge) <= radius * radius and low <= 0.0:
        z = -edge
        z[int(np.flatnonzero(free)[0])] = np.sqrt(max(radius * radius - float(edge @ edge), 0.0))
        return np.asarray(axes.back @ z)
    step = max(float(np.sqrt(axes.slope @ axes.slope)) / radius, 1e-300)
    upper = least + step
    while length(upper) > radius:
        step *= 2.0
        upper = least + step
    lower_step = step
    while length(least + lower_step) < radius and lower_step > 1e-300:
        lower_step *= 0.5
    extra = float(brentq(lambda e: length(least + e) - radius, lower_step, step, xtol=1e-300, rtol=8.9e-16, maxiter=500))
    return np.asarray(axes.back @ (-axes.slope / (axes.curvature + least + extra)))
