"""What lies beyond the edges: names for it, and the frame in which an image that wraps is enlarged."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from problems import texture

from siren_sr.grids import resampling
from siren_sr.grids.boundaries import Frame, check_boundary, per_axis, wraps


def test_one_name_stands_for_all_axes():
    assert per_axis("wrap", 3) == ("wrap", "wrap", "wrap")
    assert per_axis(["mirror", "wrap"], 2) == ("mirror", "wrap")
    assert [wraps(b) for b in ("mirror", "wrap", ("mirror", "wrap"), ("mirror", "mirror"))] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ("tile", ValueError, 'boundary=\'tile\' is unknown: use "mirror" or "wrap"'),
        (("wrap", "none"), ValueError, "boundary='none' is unknown"),
        ((), ValueError, "got none"),
        (True, TypeError, "got True"),
        (["wrap", None], TypeError, "got None"),
    ],
)
def test_other_names_are_refused(given, error, says):
    with pytest.raises(error, match=says):
        check_boundary(given)


def test_there_is_one_name_per_axis():
    with pytest.raises(ValueError, match="names 3 axes, the grid has 2: give one name per axis"):
        per_axis(("wrap", "wrap", "mirror"), 2)


@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    more=st.tuples(st.integers(0, 90), st.integers(0, 90)),
    boundary=st.sampled_from(["wrap", ("wrap", "mirror"), ("mirror", "wrap"), "mirror"]),
)
def test_within_the_frame_lies_the_enlargement_itself(shape, more, boundary):
    """Of a plain enlargement, which sees two pixels, a frame leaves nothing but that it wraps."""
    image = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    size = tuple(n + m for n, m in zip(shape, more, strict=True))
    frame = Frame.around(shape, size, boundary, margin=7)
    framed = frame.lay(image)
    assert framed.shape[1:] == frame.outer_shape
    found = frame.cut(resampling.resize(framed, frame.outer_size))
    torch.testing.assert_close(found, resampling.resize(image, size, border=per_axis(boundary, 2)))


def test_where_both_ends_disagree_they_are_blended():
    """A ramp is no period, but its frame is cut so that the step at the seam is as small as those beside it."""
    frame = Frame.around((20,), (80,), "wrap")
    found = frame.cut(torch.linspace(0, 1, frame.outer_size[0]))
    inside = found.diff().abs().max()
    assert (found[0] - found[-1]).abs() <= 1.02 * inside


def test_resampling_that_wraps_commutes_with_rolling():
    image = texture().double()
    rolled = image.roll((3, 5), (1, 2))
    for size, by in (((60, 72), (9, 15)), ((10, 12), None)):
        if by is None:  # two steps of one sample of the result
            rolled, by = image.roll((4, 6), (1, 2)), (2, 3)
        found = resampling.resize(image, size, border="wrap")
        torch.testing.assert_close(resampling.resize(rolled, size, border="wrap"), found.roll(by, (1, 2)))
