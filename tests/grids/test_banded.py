import pytest
import torch
from problems import TURNED, picture

from siren_sr import metrics, super_resolve
from siren_sr.grids import banded, resampling
from siren_sr.grids.banded import Banded
from siren_sr.superres import downsample
from siren_sr.superres.downsample import Downsample


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Many blocks in small matrices."""
    monkeypatch.setattr(banded, "BLOCK", 5)


def dense(n, positions, kernel=resampling.bicubic, half=2.0, stretch=1.0):
    """The definition, entry by entry, mirrored without end."""
    far = torch.arange(-6 * n, 7 * n)
    weights = kernel((positions[:, None] - far) / stretch)
    index = far % (2 * n)
    index = torch.where(index < n, index, 2 * n - 1 - index)
    result = torch.zeros(len(positions), n, dtype=torch.float64)
    result.scatter_add_(1, index.expand(len(positions), -1), weights)
    return result / result.sum(1, keepdim=True)


@pytest.mark.parametrize(("n", "m"), [(7, 23), (23, 7), (40, 40), (1, 6), (6, 1), (31, 90)])
def test_the_matrices_are_those_of_the_definition(n, m):
    positions = (torch.arange(m, dtype=torch.float64) + 0.5) * (n / m) - 0.5
    stretch = max(1.0, n / m)
    (a,) = resampling.resize_bands((n,), (m,))
    expected = dense(n, positions, stretch=stretch)
    assert a.shape == (m, n)
    assert len(a.blocks) == (m + 4) // 5
    torch.testing.assert_close(a.dense(), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(a.T.dense(), expected.T, rtol=0, atol=1e-12)
    torch.testing.assert_close((a.T @ a).dense(), expected.T @ expected, rtol=0, atol=1e-12)
    torch.testing.assert_close((a @ a.T).dense(), expected @ expected.T, rtol=0, atol=1e-12)
    first, last = a.extent()
    used = a.dense() != 0
    assert first.tolist() == used.int().argmax(1).tolist()
    assert last.tolist() == (n - 1 - used.flip(1).int().argmax(1)).tolist()


def test_parts_and_products(generator):
    (a,) = resampling.resize_bands((31,), (90,))
    whole, x = a.dense(), torch.randn(2, 31, 4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(a(x, 1), torch.einsum("mn,cnk->cmk", whole, x), rtol=0, atol=1e-12)
    torch.testing.assert_close(a.rows(7, 29).dense(), whole[7:29])
    torch.testing.assert_close(a.rows(88, 300).dense(), whole[88:])
    torch.testing.assert_close(a.window(slice(3, 61), slice(2, 17)), whole[3:61, 2:17])
    assert a.window(slice(4, 4), slice(2, 17)).shape == (0, 15)
    shuffled = torch.tensor([30.2, 0.0, 12.7, -3.0, 9.9, 30.9, 1.0], dtype=torch.float64)
    torch.testing.assert_close(resampling.bands(31, shuffled).dense(), dense(31, shuffled), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(lambda v: a(v, 1), x[:1, :, :2].clone().requires_grad_(True))


def test_memory_is_linear_in_the_side(monkeypatch):
    monkeypatch.undo()
    for kernel in ("bicubic", 1.6):
        counts = []
        for n in (2000, 20000):
            down = Downsample.between((4 * n, 4 * n), (n, n), kernel=kernel)
            counts.append(sum(block.numel() for pair in down.bands for a in pair for _, block in a.blocks))
        assert counts[1] < 10.5 * counts[0]


@pytest.mark.parametrize("kernel", ["bicubic", "box", 1.5, TURNED])
def test_a_large_downsampling_is_the_small_one(kernel, generator, monkeypatch):
    size, shape = (40, 36), (10, 9)
    small = Downsample.between(size, shape, kernel=kernel)
    monkeypatch.setattr(downsample, "DENSE", 8)
    monkeypatch.setattr(downsample, "_reach", lambda bands: (1, 1))
    large = Downsample.between(size, shape, kernel=kernel)
    assert not large.dense
    assert small.dense
    x = torch.randn(2, *size, generator=generator, dtype=torch.float64)
    y = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(large(x), small(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(large.transpose(y), small.transpose(y), rtol=0, atol=1e-12)
    torch.testing.assert_close(large.project(x, y, noise=0.01), small.project(x, y, noise=0.01), rtol=0, atol=1e-3)


def test_a_render_reads_the_base_slab_by_slab(monkeypatch):
    from siren_sr.fitting import fit as module

    fit = super_resolve(picture(20, 30), 4, steps=3, quality="fast", return_fit=True)
    whole = fit.render(scale=3.3)
    monkeypatch.setattr(module, "SLAB", 250)
    read = []
    rows = Banded.rows
    monkeypatch.setattr(Banded, "rows", lambda self, a, b: read.append(rows(self, a, b)) or read[-1])
    torch.testing.assert_close(fit.render(scale=3.3), whole, rtol=0, atol=1e-6)
    assert len(read) > 10
    assert all(sum(block.shape[1] for _, block in part.blocks) < 20 for part in read)
    assert metrics.psnr(resampling.resize(fit.render(scale=4), (20, 30)), picture(20, 30)) > 50
