from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.margin.kernels.lanes import LANES, make_lanes

Flags = npt.NDArray[np.bool_]


def flags(*values: int) -> Flags:
    return np.array(values, dtype=np.bool_)


def test_base_alone_is_a_block() -> None:
    lanes = make_lanes(flags(0), flags(0))
    assert (lanes.blocks, lanes.width) == (1, 8)
    assert lanes.scenario.tolist() == [[0] * 8]
    assert lanes.used.tolist() == [1]
    assert lanes.headline.tolist() == [False]


def test_blocks_do_not_mix_and_are_padded_with_their_last_scenario() -> None:
    # base, headline, other, headline and shocked, headline, other and shocked
    lanes = make_lanes(flags(0, 1, 0, 1, 1, 0), flags(0, 0, 0, 1, 0, 1))
    assert lanes.scenario.tolist() == [[0] * 8, [1, 4, 4, 4, 4, 4, 4, 4], [3] * 8, [2] * 8, [5] * 8]
    assert lanes.used.tolist() == [1, 2, 1, 1, 1]
    assert lanes.padded.tolist() == [8] * 5
    assert lanes.headline.tolist() == [False, True, True, False, False]


def test_a_group_wider_than_a_block_is_cut_evenly() -> None:
    lanes = make_lanes(flags(0, *[1] * 20), flags(*[0] * 21), widest=16)
    assert lanes.used.tolist() == [1, 10, 10]
    assert lanes.padded.tolist() == [8, 16, 16]
    assert lanes.width == 16


def test_pack_and_unpack_are_inverse() -> None:
    lanes = make_lanes(flags(0, 1, 0, 1, 1, 0), flags(0, 0, 0, 1, 0, 1))
    rows = np.arange(12.0).reshape(2, 6)
    packed = lanes.pack(rows)
    assert packed.shape == (5, 2, 8)
    assert packed[1, 1].tolist() == [7.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0]
    assert lanes.unpack(np.moveaxis(packed, 0, -2)).tolist() == rows.tolist()


def test_unpack_keeps_integers() -> None:
    lanes = make_lanes(flags(0, 1), flags(0, 0))
    assert lanes.unpack(np.ones((lanes.blocks, lanes.width), dtype=np.int32)).dtype == np.int32


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60), st.sampled_from([8, 16, 256]))
def test_every_scenario_has_one_lane_among_its_kind(kinds: list[tuple[bool, bool]], widest: int) -> None:
    headline, shocked = flags(0, *(h for h, _ in kinds)), flags(0, *(s for _, s in kinds))
    lanes = make_lanes(headline, shocked, widest)
    seen = [scenario for block in range(lanes.blocks) for scenario in lanes.scenario[block, : lanes.used[block]]]
    assert sorted(seen) == list(range(len(headline)))
    for block in range(lanes.blocks):
        lane = lanes.scenario[block]
        used = lane[: lanes.used[block]]
        assert (np.diff(used) > 0).all()
        assert lanes.padded[block] % 8 == 0
        assert lanes.used[block] <= lanes.padded[block] <= lanes.width
        if block > 0:
            assert set(headline[lane]) == {bool(lanes.headline[block])}
            assert len(set(shocked[lane])) == 1
        # What pads a block is one of its own scenarios: it changes no smallest or largest of the block.
        assert set(lane) <= set(used)


@pytest.mark.parametrize("widest", [8, 256])
def test_padding_never_reaches_a_result(widest: int) -> None:
    lanes = make_lanes(flags(0, *[1] * 11), flags(*[0] * 12), widest)
    packed = lanes.pack(np.arange(12.0).reshape(1, 12))
    for block in range(lanes.blocks):
        packed[block, :, lanes.used[block] :] = np.nan
    assert lanes.unpack(np.moveaxis(packed, 0, -2)).tolist() == [list(range(12))]


def test_a_block_wider_than_the_accumulators_is_refused() -> None:
    headline = np.ones(LANES + 2, dtype=np.bool_)
    with pytest.raises(ValueError, match=f"wider than {LANES}"):
        make_lanes(headline, np.zeros_like(headline), LANES + 8)
