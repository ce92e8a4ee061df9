"""Scenarios as lanes: blocks of scenarios that a kernel walks together.

A block never mixes headline and other scenarios, nor scenarios with shocked haircuts or margin rates and those
without, so that what is constant in a block is treated as constant. Block 0 is `base` alone. Blocks are padded to a
multiple of eight lanes by repeating a scenario of the block; padding never reaches a result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LANES = 336
"""Widest block: wide enough that what a loop costs besides its lanes is small, narrow enough that the accumulators of a pool stay in a core's
first two cache levels; the fastest of 64, 128, 168, 256, 336 and 504 on 1,000 scenarios."""


@dataclass(frozen=True)
class Lanes:
    """`scenario` i32[blocks, width]: scenario of each lane; `used`, `padded` i64[blocks]; `headline` bool[blocks]."""

    width: int
    scenario: npt.NDArray[np.int32]
    used: npt.NDArray[np.int64]
    padded: npt.NDArray[np.int64]
    headline: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Accumulators are LANES wide, and kernels ask of no index whether it is inside: a wider block would write beyond them."""
        if self.width > LANES:
            raise ValueError(f"a block of {self.width} lanes is wider than {LANES}")

    @property
    def blocks(self) -> int:
        """Number of blocks, the base block included."""
        return len(self.used)

    def pack(self, rows: Floats) -> Floats:
        """f64[rows, S] as f64[blocks, rows, width]: the rows of a block lie together."""
        packed = aligned(self.blocks, len(rows), self.width)
        for block in range(self.blocks):
            np.take(rows, self.scenario[block], axis=1, out=packed[block])
        return packed

    def unpack(self, lanes: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """[..., blocks, width] back to [..., S] in file order."""
        scenarios = int(self.scenario.max()) + 1
        result = np.empty((*lanes.shape[:-2], scenarios), dtype=lanes.dtype)
        for block in range(self.blocks):
            used = self.used[block]
            result[..., self.scenario[block, :used]] = lanes[..., block, :used]
        return result


def aligned(*shape: int) -> Floats:
    """Zeros whose first element starts a cache line (64 bytes): rows of whole lines then load at full speed."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 8)
    skip = (-raw.ctypes.data // 8) % 8
    return raw[skip : skip + size].reshape(shape)


def make_lanes(headline: npt.NDArray[np.bool_], shocked: npt.NDArray[np.bool_], widest: int = LANES) -> Lanes:
    """Blocks for scenarios 0..S-1, scenario 0 being base; `shocked` marks scenarios that move haircuts, ratios or margin rates."""
    groups: list[tuple[bool, npt.NDArray[np.int64]]] = [(False, np.zeros(1, dtype=np.int64))]
    rest = np.arange(len(headline)) > 0
    for is_headline in (True, False):
        for is_shocked in (False, True):
            members = np.flatnonzero(rest & (headline == is_headline) & (shocked == is_shocked))
            pieces = -(-len(members) // widest)
            groups += [(is_headline, piece) for piece in np.array_split(members, pieces)] if pieces else []
    widths = [-(-len(members) // 8) * 8 for _, members in groups]
    width = max(widths)
    scenario = np.empty((len(groups), width), dtype=np.int32)
    for block, (_, members) in enumerate(groups):
        scenario[block] = members[-1]
        scenario[block, : len(members)] = members
    return Lanes(
        width=width,
        scenario=scenario,
        used=np.array([len(members) for _, members in groups], dtype=np.int64),
        padded=np.array(widths, dtype=np.int64),
        headline=np.array([flag for flag, _ in groups]),
    )
