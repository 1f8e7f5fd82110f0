"""Images with holes: what is not known neither shows nor has a share in what does."""

import numpy as np
import pytest
import torch
from problems import picture

from siren_sr import fit_signal, super_resolve


def depth(rows=20, columns=24):
    """Metres: a near disc before a tilted ground, with what a camera does not see beside it."""
    y, x = np.mgrid[:rows, :columns]
    values = 4 - 0.05 * y + 0.02 * x
    mask = np.zeros((rows, columns), bool)
    mask[4:12, 5:8] = mask[-5, -4] = True
    values[4:12, 8:15] = 1.5
    return np.ma.masked_array(values.astype(np.float32), mask)


@pytest.mark.parametrize("options", [{"quality": "fast"}, {"quality": "fast", "prior": None, "kernel": "box"}])
def test_results_do_not_depend_on_what_is_under_the_mask(options):
    image = depth()
    found = super_resolve(image, 2, **options)
    for under in (np.nan, 0.0, 1e9):
        other = image.copy()
        other.data[image.mask] = under
        again = super_resolve(other, 2, **options)
        np.testing.assert_array_equal(again.data, found.data)
        np.testing.assert_array_equal(again.mask, found.mask)
    np.testing.assert_array_equal(found.mask, np.kron(image.mask, np.ones((2, 2), bool)))
    assert found.dtype == np.float32


def test_no_ringing_is_left_beside_a_hole():
    rows, columns = np.mgrid[:24, :24]
    ramp = (2 + 0.03 * rows + 0.05 * columns).astype(np.float32)
    mask = np.zeros((24, 24), bool)
    mask[8:14, 9:15] = True
    found, whole = (super_resolve(one, 2, quality="fast") for one in (np.ma.masked_array(ramp, mask), ramp))
    assert np.abs(found - whole).max() < 0.002 * np.ptp(ramp)
    as_zero = super_resolve(np.where(mask, 0, ramp), 2, quality="fast")
    assert np.abs(as_zero - whole)[~found.mask].max() > 0.05 * np.ptp(ramp)


def test_batches_and_channels_keep_their_masks():
    one = depth(12, 16)
    colours = np.ma.stack([one, one[::-1], np.ma.masked_array(one.data, False)], -1)
    batch = np.ma.stack([colours, colours[:, ::-1]])
    found = super_resolve(batch, (1.5, 2), quality="fast")
    assert isinstance(found, np.ma.MaskedArray)
    assert found.shape == (2, 18, 32, 3)
    assert not found.mask[..., 2].any()
    for i in range(2):
        alone = super_resolve(batch[i], (1.5, 2), quality="fast")
        np.testing.assert_array_equal(found.mask[i], alone.mask)
        np.testing.assert_allclose(found.data[i], alone.data, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"return_fit": True}, "a Fit is continuous and has no holes"),
        ({"align_corners": True, "strategy": "basic"}, "leave align_corners=False, or fill them"),
        ({"noise": "auto"}, "not estimated in an image with holes"),
        ({"kernel": "estimate"}, "not estimated in an image with holes"),
    ],
)
def test_what_would_misread_the_holes_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        super_resolve(depth(), 2, **options)


def test_noise_is_estimated_where_nothing_is_hidden():
    values = (picture(40, 48, 1)[0] + 0.06 * torch.randn(40, 48, generator=torch.Generator().manual_seed(0))).numpy()
    image = np.ma.masked_array(values)
    found = super_resolve(image, 2, noise="auto", quality="fast")
    assert not found.mask.any()
    np.testing.assert_array_equal(found.data, super_resolve(values, 2, noise="auto", quality="fast"))
    assert np.abs(found - super_resolve(image, 2, quality="fast")).max() > 0.02


def test_holes_must_be_said():
    values = depth().filled(np.nan)
    for data in (values, torch.from_numpy(values)):
        with pytest.raises(ValueError, match=r"has 25 NaN .* replace them first; .* numpy.ma.masked_invalid"):
            super_resolve(data, 2)
    with pytest.raises(TypeError, match=r"masked arrays are not supported, .* siren_sr.super_resolve knows"):
        fit_signal(depth())
    shown = np.ma.masked_array(values, depth().mask)
    shown[0, 0] = np.inf
    with pytest.raises(ValueError, match="has 1 NaN or infinite values"):
        super_resolve(shown, 2)
