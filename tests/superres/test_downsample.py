import numpy as np
import pytest
import torch
from problems import TURNED
from torch.nn import functional

from siren_sr.superres.downsample import Downsample
from siren_sr.superres.kernels import check_kernel


@pytest.mark.parametrize("kernel", ["bicubic", "box"])
@pytest.mark.parametrize(
    ("size", "shape"), [((40, 36), (10, 9)), ((17, 23), (11, 8)), ((9, 4), (3, 1)), ((8, 8), (8, 8))]
)
def test_projection_onto_the_images_that_downsample_to_one(size, shape, kernel, generator):
    down = Downsample.between(size, shape, kernel=kernel)
    x = torch.randn(2, *size, generator=generator, dtype=torch.float64)
    y = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    z = down.project(x, y)
    torch.testing.assert_close(down(z), y, rtol=1e-6, atol=1e-6)
    # The nearest one: what was changed is in the range of the adjoint, so orthogonal to every v with D v = 0.
    v = torch.randn(2, *size, generator=generator, dtype=torch.float64)
    v = down.project(v, torch.zeros_like(y))
    assert abs(((z - x) * v).sum()) < 1e-6 * (z - x).norm() * v.norm() + 1e-9
    # And the adjoint is one: <D x, y> = <x, Dᵀ y>.
    torch.testing.assert_close((down(x) * y).sum(), (x * down.transpose(y)).sum())


def test_regularised_projection_is_the_minimum(generator):
    down = Downsample.between((12, 12), (4, 4))
    x = torch.randn(1, 12, 12, generator=generator, dtype=torch.float64)
    y = torch.randn(1, 4, 4, generator=generator, dtype=torch.float64)
    z = down.project(x, y, noise=0.1).requires_grad_(True)
    ((z - x).square().sum() + (down(z) - y).square().sum() / 0.1).backward()
    assert z.grad.abs().max() < 1e-9


@pytest.mark.parametrize("kernel", [TURNED, torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator())])
def test_an_array_is_a_correlation_at_the_centres(kernel, generator):
    x = torch.randn(1, 1, 15, 21, generator=generator, dtype=torch.float64)
    down = Downsample.between((15, 21), (5, 7), kernel=kernel)
    padding = [kernel.shape[1] // 2] * 2 + [kernel.shape[0] // 2] * 2
    # Mirrored about the edge of the pixel, as all our borders are.
    padded = torch.from_numpy(np.pad(x[0, 0].numpy(), [(p, p) for p in padding[::-2]], mode="symmetric"))[None, None]
    expected = functional.conv2d(padded, (kernel / kernel.sum())[None, None])[0, 0, 1::3, 1::3]
    torch.testing.assert_close(down(x[0, 0]), expected, rtol=0, atol=2e-3)


def test_an_even_array_lies_between_pixels():
    x = torch.arange(16, dtype=torch.float64).view(1, 16).expand(4, 16)
    down = Downsample.between((4, 16), (1, 4), kernel=torch.ones(4, 4))
    torch.testing.assert_close(down(x), x.reshape(4, 4, 4).mean(2).mean(0, keepdim=True))


def test_a_gaussian_has_its_variance():
    impulse = torch.zeros(1, 81, dtype=torch.float64)
    impulse[0, 40] = 1
    response = Downsample.between((1, 81), (1, 81), kernel=2.0)(impulse)[0]
    x = torch.arange(81, dtype=torch.float64) - 40
    assert response.sum() == pytest.approx(1, abs=1e-6)
    assert (response * x.square()).sum() == pytest.approx(4, abs=0.02)


@pytest.mark.parametrize(("size", "shape"), [((24, 20), (6, 5)), ((17, 23), (11, 8)), ((9, 4), (3, 1))])
def test_projection_with_a_kernel_of_several_terms(size, shape, generator):
    down = Downsample.between(size, shape, kernel=TURNED)
    assert len(down.terms) > 1
    x = torch.randn(2, *size, generator=generator, dtype=torch.float64)
    y = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(down(down.project(x, y)), y, rtol=0, atol=1e-3)
    torch.testing.assert_close((down(x) * y).sum(), (x * down.transpose(y)).sum())
    z = down.project(x, y, noise=0.1).requires_grad_(True)
    ((z - x).square().sum() + (down(z) - y).square().sum() / 0.1).backward()
    assert z.grad.abs().max() < 1e-2


@pytest.mark.parametrize("kernel", ["bicubic", 1.5, TURNED])
@pytest.mark.parametrize("shape", [(10, 9), (17, 13)])
def test_a_window_is_a_part_of_the_whole(shape, kernel, generator):
    down = Downsample.between((40, 36), shape, kernel=kernel)
    x = torch.randn(3, 40, 36, generator=generator, dtype=torch.float64)
    for rows, columns in ((slice(0, 24), slice(11, 36)), (slice(8, 33), slice(0, 36))):
        part, small_rows, small_columns = down.window(rows, columns)
        torch.testing.assert_close(part(x[:, rows, columns]), down(x)[:, small_rows, small_columns])
        assert small_rows.stop > small_rows.start
    assert down.window(slice(0, 40), slice(0, 36))[1:] == (slice(0, shape[0]), slice(0, shape[1]))


def test_reach():
    assert Downsample.between((40, 80), (10, 10), kernel="box").reach == (4, 8)
    assert Downsample.between((41, 41), (41, 41), kernel=TURNED).reach == (3, 3)


@pytest.mark.parametrize(
    ("kernel", "error", "text"),
    [
        ("cubic", ValueError, "is unknown"),
        (0.1, ValueError, ">= 0.3"),
        (float("nan"), ValueError, ">= 0.3"),
        (True, TypeError, "a name, a number or a 2-D array"),
        ([1, 2], TypeError, "a name, a number or a 2-D array"),
        (np.ones(3), ValueError, "2-D"),
        (np.full((3, 3), np.inf), ValueError, "finite"),
        (np.array([[1.0, -1.0]]), ValueError, "positive sum"),
        (np.ones((3, 3), np.complex64), TypeError, "real numbers, got complex64"),
        (torch.ones(3, 3, dtype=torch.complex64), TypeError, "real numbers, got torch.complex64"),
        (np.complex64(2), TypeError, "a name, a number or a 2-D array"),
        (2 + 0j, TypeError, "a name, a number or a 2-D array"),
        (np.full((3, 3), None), TypeError, "real numbers, got object"),
        ([[1, 2], [3, 4]], TypeError, "a name, a number or a 2-D array, got list"),
    ],
)
def test_bad_kernels(kernel, error, text):
    with pytest.raises(error, match=text):
        check_kernel(kernel)


def test_arrays_of_any_layout():
    weights = np.arange(1.0, 13.0).reshape(3, 4)
    expected = torch.from_numpy(weights / weights.sum())
    read_only = weights.copy()
    read_only.flags.writeable = False
    flipped = weights[::-1, ::-1].copy()[::-1, ::-1]  # negative strides
    for given in (
        weights,
        flipped,
        weights.astype(">f4"),
        weights.astype(">i2"),
        read_only,
        weights.astype(np.float16),
    ):
        torch.testing.assert_close(check_kernel(given), expected)
    read_only = check_kernel(read_only)
    assert check_kernel(weights.astype(np.float32).T.copy().T).equal(read_only)
    assert check_kernel(np.float32(1.5)) == 1.5


def test_a_gaussian_cannot_be_wider_than_the_picture():
    assert Downsample.between((40, 30), (10, 8), kernel=40.0)(torch.ones(40, 30, dtype=torch.float64)).max() < 1.001
    for sigma in (41, 1e9):
        with pytest.raises(ValueError, match=r"a Gaussian's standard deviation cannot be larger .* 40x30 pixels"):
            Downsample.between((40, 30), (10, 8), kernel=sigma)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kernel", "shape"), [(3.0, (40, 40)), (3.0, (20, 20)), (6.0, (10, 10))])
def test_exact_projection_leaves_alone_what_a_kernel_hides(kernel, shape, dtype, generator):
    x = torch.rand(2, 40, 40, generator=generator, dtype=dtype)
    down = Downsample.between((40, 40), shape, kernel=kernel, like=x)
    target = (down(torch.rand(2, 40, 40, generator=generator, dtype=dtype)) * 255).round() / 255
    z = down.project(x, target)
    assert z.abs().max() < 10
    torch.testing.assert_close(down(z), target, rtol=0, atol=0.01)


def test_a_single_weight_lies_between_pixels_at_an_even_scale():
    delta = torch.zeros(3, 3)
    delta[1, 1] = 1
    x = torch.arange(64, dtype=torch.float64).view(8, 8)
    torch.testing.assert_close(Downsample.between((8, 8), (4, 4), kernel=delta)(x), x.view(4, 2, 4, 2).mean((1, 3)))


def test_a_value_at_a_limit_may_have_been_cut_off_there():
    """Black bars on white: their bicubic reduction overshoots, and what is left of it is white."""
    x = torch.ones(1, 24, 24, dtype=torch.float64)
    x[:, :, 6:9] = x[:, 12:15] = 0
    down = Downsample.between((24, 24), (8, 8))
    y = down(x).clamp(0, 1)
    assert down(x).max() > 1.02
    torch.testing.assert_close(down.project(x, y, limits=(0, 1)), x)
    assert (down.project(x, y) - x).abs().max() > 0.03
    # What is not beyond is brought to the limit as before, and values that lie within it too.
    z = down.project(0.7 * x + 0.1, y, limits=(0, 1))
    inside = (y > 0.01) & (y < 0.99)
    torch.testing.assert_close(down(z)[inside], y[inside])
    torch.testing.assert_close(down(z)[~inside].clamp(0, 1), y[~inside].round(), rtol=0, atol=0.02)
