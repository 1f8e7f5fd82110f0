import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siren_sr.grids import coordinates

sizes = st.integers(1, 9)


@given(st.lists(sizes, min_size=1, max_size=3), st.booleans())
def test_grid_agrees_with_meshgrid(shape, align_corners):
    axes = coordinates.axes(shape, align_corners=align_corners, dtype=torch.float64)
    expected = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(shape)).flip(-1)
    assert torch.equal(coordinates.grid(shape, align_corners=align_corners, dtype=torch.float64), expected)


@given(st.integers(2, 50))
def test_corner_grid_is_the_papers_linspace(n):
    assert torch.allclose(coordinates.axis(n, align_corners=True), torch.linspace(-1, 1, n, dtype=torch.float64))


@given(st.integers(1, 50), st.booleans())
def test_grids_are_symmetric_with_the_documented_spacing(n, align_corners):
    axis = coordinates.axis(n, align_corners=align_corners)
    torch.testing.assert_close(axis, -axis.flip(0))
    if n > 1:
        (h,) = coordinates.spacing((n,), align_corners=align_corners)
        torch.testing.assert_close(axis.diff(), torch.full((n - 1,), h, dtype=torch.float64))


def test_spacing_is_x_first():
    assert coordinates.spacing((10, 40)) == (2 / 40, 2 / 10)
    assert coordinates.spacing((11, 41), align_corners=True) == (2 / 40, 2 / 10)


@given(st.integers(1, 20), st.integers(1, 4))
def test_pixel_centres_of_a_finer_grid_average_to_the_coarse_ones(n, factor):
    fine = coordinates.axis(n, samples=n * factor)
    torch.testing.assert_close(fine.reshape(n, factor).mean(1), coordinates.axis(n))


@pytest.mark.parametrize("align_corners", [False, True])
def test_a_region_is_a_part_of_the_whole(align_corners):
    whole = coordinates.axis(10, align_corners=align_corners)
    part = coordinates.axis(10, samples=4, span=(3, 7), align_corners=align_corners)
    torch.testing.assert_close(part, whole[3:7])


@given(st.lists(sizes, min_size=1, max_size=3), st.data())
def test_points_of_a_range_are_those_of_the_grid(shape, data):
    total = math.prod(shape)
    start = data.draw(st.integers(0, total - 1))
    stop = data.draw(st.integers(start + 1, total))
    axes = coordinates.axes(shape)
    assert torch.equal(coordinates.points(axes, start, stop), coordinates.grid(shape)[start:stop])
