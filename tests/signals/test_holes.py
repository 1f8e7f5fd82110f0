"""Holes of masked arrays: filled before the work, and hidden in its result."""

import warnings

import numpy as np
import pytest
from skimage.restoration import inpaint_biharmonic

from siren_sr.signals import with_holes, without_holes


def plane(rows=20, columns=24):
    y, x = np.mgrid[:rows, :columns]
    return 3.0 + 0.5 * y - 0.25 * x


def hidden(rows=20, columns=24):
    mask = np.zeros((rows, columns), bool)
    mask[5:9, 6:10] = mask[14, 3] = mask[11:13, 15:20] = True
    return mask


def test_a_plane_goes_on_in_its_holes():
    found = without_holes(np.ma.masked_array(plane(), hidden()))
    np.testing.assert_allclose(found, plane(), atol=5e-3)
    assert type(found) is np.ndarray


def test_holes_are_filled_as_by_another_library():
    y, x = np.mgrid[:30, :30] / 30
    values = np.sin(5 * x) * np.cos(4 * y + x)
    mask = np.zeros((30, 30), bool)
    mask[10:15, 12:18] = True
    mask[20, 5:9] = True
    found = without_holes(np.ma.masked_array(values, mask))
    other = inpaint_biharmonic(np.where(mask, 0.0, values), mask)
    assert np.abs(found - other).max() < 0.02 < 0.05 < np.abs(values[mask] - values[~mask].mean()).max()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float16", "float32", "float64"])
def test_what_is_under_the_mask_is_not_looked_at_and_what_is_known_stays(dtype):
    values = (plane() * 5).astype(dtype)
    odd = values.copy()
    odd[hidden()] = np.nan if dtype.startswith("float") else np.iinfo(dtype).max
    first, second = (without_holes(np.ma.masked_array(one, hidden())) for one in (values, odd))
    assert first.dtype == values.dtype
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[~hidden()], values[~hidden()])
    assert values.min() <= first.min() <= first.max() <= values.max()


def test_channels_have_holes_of_their_own():
    values = np.stack([plane(), -plane(), np.full((20, 24), 7.0)], -1)
    mask = np.zeros(values.shape, bool)
    mask[..., 0], mask[..., 2] = hidden(), True
    found = without_holes(np.ma.masked_array(values, mask))
    np.testing.assert_allclose(found[..., 0], plane(), atol=5e-3)
    np.testing.assert_array_equal(found[..., 1], -plane())
    np.testing.assert_allclose(found[..., 2], values[~mask].mean())  # whatever 7 would have said
    batch = np.ma.stack([np.ma.masked_array(values, mask), np.ma.masked_array(values[::-1])])
    np.testing.assert_array_equal(without_holes(batch), np.stack([found, values[::-1]]))


def test_masks_that_hide_nothing_or_everything():
    np.testing.assert_array_equal(without_holes(np.ma.masked_array(plane())), plane())
    np.testing.assert_array_equal(without_holes(np.ma.masked_all((3, 4), np.uint8)), np.zeros((3, 4)))


def test_unknown_values_that_are_not_hidden_stay_to_be_refused():
    values = plane()
    values[0, 0] = values[6, 6] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = without_holes(np.ma.masked_array(values, hidden()))
    assert np.isnan(found).sum() == 1


@pytest.mark.parametrize(("n", "m"), [(6, 12), (6, 9), (6, 6), (5, 13), (7, 20)])
def test_a_pixel_is_hidden_where_its_centre_is_in_a_hole_or_on_its_border(n, m):
    mask = np.random.default_rng(n * m).uniform(size=(n, 1)) < 0.5
    image = np.ma.masked_array(np.zeros((n, 1), np.float32), mask, fill_value=-1)
    found = with_holes(np.zeros((m, 3), np.float32), image)
    for j in range(m):
        # A hidden pixel i covers [i, i + 1]; doubled and times m, all is whole.
        covered = any(mask[i] and 2 * m * i <= (2 * j + 1) * n <= 2 * m * (i + 1) for i in range(n))
        assert (found.mask[j] == covered).all()
    assert found.fill_value == -1
