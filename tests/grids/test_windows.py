"""Windows that overlap cover an axis and a grid, and blending what they hold gives the whole, without a seam."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siren_sr.grids.windows import Cover, Windows, blending_weights

COVERS = [
    Cover((Windows.cover(105, 32, 4),)),
    Cover((Windows.cover(61, 20, 3), Windows.cover(7, 24, 10))),
    Cover((Windows.cover(9, 4, 1), Windows.cover(13, 4, 2), Windows.cover(20, 6, 1))),
]


@given(n=st.integers(1, 300), tile=st.integers(1, 50), margin=st.integers(0, 12))
def test_they_are_the_fewest_that_overlap_by_two_margins(n, tile, margin):
    windows = Windows.cover(n, tile, margin)
    assert windows.starts[0] == 0
    assert windows.starts[-1] + windows.length == n
    assert windows.length <= tile + 2 * margin
    for a, b in itertools.pairwise(windows.starts):
        assert a + windows.length - b >= 2 * margin
    # One less would leave samples uncovered, even if every overlap were as narrow as it may be.
    fewer = len(windows.starts) - 1
    assert fewer * tile + 2 * margin < n or fewer == 0


@pytest.mark.parametrize("n", [1, 5, 40, 41, 73, 74, 104, 105, 255, 1020])
def test_their_weights_add_up_to_one_everywhere(n):
    windows = Windows.cover(n, 32, 4)
    x = torch.linspace(-1.2, 1.2, 999, dtype=torch.float64)
    shuffled = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]
    weights = torch.zeros(len(windows.starts), len(x), dtype=torch.float64)
    for i, index, w in windows.parts(shuffled):
        assert (index.diff() > 0).all()
        weights[i, index] = w
        inside = index[shuffled[index].abs() <= 1]
        assert (windows.local(i, shuffled[inside]).abs() <= 1 + 1e-9).all()
    torch.testing.assert_close(weights.sum(0), torch.ones_like(x))
    assert weights[:, shuffled.argsort()].diff(dim=1).abs().max() < 0.6  # no jump


def test_a_window_has_coordinates_of_its_own():
    windows = Windows(100, (0, 60), 40)
    ends_and_centre = torch.tensor([60.0, 80.0, 100.0], dtype=torch.float64) * 2 / 100 - 1
    torch.testing.assert_close(windows.local(1, ends_and_centre), torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))


@pytest.mark.parametrize("axis", [Windows.cover(104, 24, 10), Windows.cover(7, 24, 10), Windows.cover(61, 20, 3)])
def test_blending_weights_add_up_to_one_at_every_sample(axis):
    total = torch.zeros(axis.n, dtype=torch.float64)
    for i, weights in enumerate(blending_weights(axis)):
        total[axis.starts[i] : axis.starts[i] + axis.length] += weights
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("cover", COVERS)
def test_a_cover_has_every_sample_and_counts_its_windows(cover):
    covered, parts = torch.zeros([axis.n for axis in cover.axes]), list(cover.parts())
    for part, _ in parts:
        covered[part] += 1
    assert covered.min() >= 1
    assert cover.count == len(parts) == len({str(part) for part, _ in parts})


@pytest.mark.parametrize("cover", COVERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blending_what_the_windows_hold_gives_the_whole(cover, dtype, generator):
    whole = torch.randn(3, *(axis.n for axis in cover.axes), generator=generator, dtype=dtype)
    blended = cover.blend(lambda part: whole[(slice(None), *part)], like=whole)
    assert blended.dtype == dtype
    torch.testing.assert_close(blended, whole)


def test_blending_goes_from_one_window_to_the_next_by_half_a_wave():
    cover, like = Cover((Windows(100, (0, 40), 60),)), torch.zeros(1, 100, dtype=torch.float64)
    blended = cover.blend(lambda part: torch.full((1, 60), float(part[0].start > 0)), like=like)[0]
    rise = (1 - torch.cos(torch.pi * (torch.arange(20, dtype=torch.float64) + 0.5) / 20)) / 2
    torch.testing.assert_close(blended, torch.cat([torch.zeros(40), rise, torch.ones(40)]))


def test_a_single_window_is_the_whole():
    asked, result = [], torch.ones(1, 5, 6)
    cover = Cover((Windows.cover(5, 32, 4), Windows.cover(6, 32, 4)))
    assert cover.blend(lambda part: asked.append(part) or result, like=torch.zeros(1, 5, 6)) is result
    assert asked == [(slice(0, 5), slice(0, 6))]


@pytest.mark.parametrize(
    ("n", "tile", "margin"), [(1, 8, 4), (5, 8, 4), (40, 32, 4), (105, 32, 4), (64, 16, 0), (30, 9, 7)]
)
def test_on_a_circle_their_weights_add_up_to_one_and_have_no_seam(n, tile, margin):
    windows = Windows.cover(n, tile, margin, "wrap")
    x = torch.linspace(-1, 3, 1601, dtype=torch.float64)  # twice around
    weights = torch.zeros(len(windows.starts), len(x), dtype=torch.float64)
    values = torch.zeros_like(x)
    for i, index, w in windows.parts(x):
        weights[i % len(windows.starts), index] += w
        local = windows.local(i, x[index])
        assert (local.abs() <= 1 + 1e-9).all()
        values[index] += w * torch.cos(local + i % len(windows.starts))
    torch.testing.assert_close(weights.sum(0), torch.ones_like(x))
    torch.testing.assert_close(values[:800], values[800:1600])  # one period
    if margin:
        assert values.diff().abs().max() < 0.2  # nothing jumps
