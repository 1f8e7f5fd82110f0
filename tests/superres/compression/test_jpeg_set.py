"""The set of images behind a file: what a projection onto a convex set has to be, and who is a member."""

import dataclasses
from itertools import pairwise

import pytest
import torch
from compressed import picture, tensor

from siren_sr import io
from siren_sr.superres.compression import cosine
from siren_sr.superres.compression.codec import coefficients_of, compress, to_blocks
from siren_sr.superres.compression.jpeg_set import JpegSet, file_set, requantized
from siren_sr.superres.compression.projection import project_compressed
from siren_sr.superres.downsample import Downsample

KINDS = ["gray", "4:4:4", "4:2:2", "4:2:0", "4:4:0"]


def example(kind, quality, size=(64, 96)):
    gray = kind == "gray"
    image = tensor(picture(*size, channels=1 if gray else 3))
    colour, subsampling = ("gray", "4:4:4") if gray else ("YCbCr", kind)
    return image, io.JpegTables.of_quality(quality, subsampling=subsampling, colour=colour)


def set_of(image, tables, **options):
    return JpegSet.of_coefficients(coefficients_of(image, tables), tables, image.shape[-2:], like=image, **options)


def planes(members, images):
    return torch.stack(members._split(images), 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quality", [10, 50, 90, 98])
def test_the_image_is_a_member(kind, quality):
    for size in ((64, 96), (37, 51)):
        image, tables = example(kind, quality, size)
        members = set_of(image, tables)
        assert members.contains(image, tolerance=0.1 if kind == "gray" else 1.0).all()
        assert not members.contains(image + torch.linspace(0, 0.5, size[1])).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("r", [0.5, 0.3])
def test_it_is_the_projection_onto_a_convex_set(kind, r, generator):
    image, tables = example(kind, 40)
    members = set_of(image, tables, r=r)
    x, y = (image + 0.1 * torch.randn(image.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    px, py = members.project(x), members.project(y)
    torch.testing.assert_close(members.project(px), px)  # idempotent
    assert members.distance(px).max() < 1e-9
    a, b, pa, pb = (planes(members, z) for z in (x, y, px, py))
    assert (pa - pb).norm() <= (a - b).norm() * (1 + 1e-9)  # not expansive
    assert ((a - pa) * (pb - pa)).sum() <= 1e-6  # and the nearest: every member lies behind a plane through it
    torch.testing.assert_close(x + members.residual(x), px)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_over_the_edge_are_nearly_projected(kind, generator):
    image, tables = example(kind, 40, (37, 51))
    members = set_of(image, tables)
    x, y = (image + 0.05 * torch.randn(image.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    px, py = members.project(x), members.project(y)
    assert members.residual(px).square().mean().sqrt() < 0.1 / 255
    a, b, pa, pb = (planes(members, z) for z in (x, y, px, py))
    assert (pa - pb).norm() <= (a - b).norm()
    assert (pa - a).norm() <= (planes(members, image) - a).norm() * 1.001  # no farther than another member


def test_intervals_of_no_width_leave_one_image():
    image, tables = example("4:4:4", 30)
    members = set_of(image, tables, r=0.0)
    one, two = members.project(image), members.project(1 - image)
    torch.testing.assert_close(one, two)
    pale = 0.35 + 0.3 * image  # which nothing clips
    found = set_of(pale, tables, r=0.0).project(image)
    assert (found - compress(pale, tables)).abs().max() < 3 / 255


def test_r_may_differ_by_frequency(generator):
    image, tables = example("gray", 30)
    r = torch.full((8, 8), 100.0)
    r[0, 0] = 0
    noise = 0.1 * torch.randn(image.shape, generator=generator, dtype=torch.float64)
    moved = set_of(image, tables, r=r).residual(image + noise)[0, 0].unflatten(1, (-1, 8)).unflatten(0, (-1, 8))
    torch.testing.assert_close(moved, moved.mean((1, 3), keepdim=True).expand_as(moved))
    for bad in (-1.0, torch.ones(3)):
        with pytest.raises(ValueError, match="r must be a number >= 0"):
            set_of(image, tables, r=bad)


@pytest.mark.parametrize("kind", ["gray", "4:4:4", "4:2:2", "4:2:0"])
def test_pixels_show_the_coefficients(kind):
    """Without clipping and with steps above the rounding, the file's coefficients are found from decoded pixels."""
    image, tables = example(kind, 40)
    image = (255 * (0.35 + 0.3 * image)).round() / 255
    decoded = compress(image, tables)
    for a, b in zip(requantized(decoded, tables), coefficients_of(image, tables), strict=True):
        assert torch.equal(a, b)
    assert JpegSet.of_images(decoded, tables).contains(image).all()
    assert file_set(None, tables, decoded[0]).contains(image).all()
    assert file_set([c[0] for c in coefficients_of(image, tables)], tables, decoded[0]).contains(image).all()


def test_clipped_blocks_do_not_exclude_the_image():
    """A block whose clipped pixels hide its coefficients is left alone, unless others decode to the same pixels."""
    image, tables = example("gray", 20)
    decoded = compress(image, tables)
    assert ((decoded == 0) | (decoded == 1)).any()
    wrong = (requantized(decoded, tables)[0] != coefficients_of(image, tables)[0]).flatten(3).any(-1)
    free = JpegSet.of_images(decoded, tables).radii[0].flatten(3).isinf().all(-1)
    assert wrong.any()
    assert (free & wrong).sum() >= 0.5 * wrong.sum()
    assert not (free & ~wrong).any()


@pytest.mark.parametrize("kind", ["4:4:4", "4:2:0"])
def test_a_window_is_the_set_of_its_whole_blocks(kind, generator):
    image, tables = example(kind, 40, (64, 90))
    members = set_of(image, tables)
    x = image + 0.1 * torch.randn(image.shape, generator=generator, dtype=torch.float64)
    rows, columns = slice(5, 53), slice(20, 90)
    whole, part = members.project(x)[..., rows, columns], members.window(rows, columns).project(x[..., rows, columns])
    torch.testing.assert_close(part[..., 11:43, 12:], whole[..., 11:43, 12:])  # 16 to 48 and 32 on are whole units
    torch.testing.assert_close(part[..., :3, :], x[..., rows, columns][..., :3, :])
    twice = members.window(slice(0, 60), slice(8, 90)).window(rows, slice(12, 82))
    torch.testing.assert_close(twice.project(x[..., rows, columns]), part)
    small = members.window(slice(1, 7), slice(1, 7))
    assert torch.equal(small.project(x[..., 1:7, 1:7]), small.project(x[..., 1:7, 1:7]))
    torch.testing.assert_close(small.project(x[..., 1:7, 1:7]), x[..., 1:7, 1:7])


def test_the_wrong_size_is_refused():
    image, tables = example("4:4:4", 40)
    with pytest.raises(ValueError, match=r"images must be \(B, 3, 64, 96\); got \(1, 3, 60, 96\)"):
        set_of(image, tables).project(image[..., :60, :])
    with pytest.raises(ValueError, match="blocks in its components"):
        JpegSet.of_coefficients(coefficients_of(image, tables), tables, (9, 9), like=image)


@pytest.mark.parametrize("kind", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("scale", [2, 3])
def test_the_nearest_picture_that_reduces_to_a_member(kind, scale, generator):
    image, tables = example(kind, 30, (32, 48))
    members = set_of(image, tables)
    size = (32 * scale, 48 * scale)
    down = Downsample.between(size, (32, 48))
    x = 0.5 + 0.3 * torch.randn(3, *size, generator=generator, dtype=torch.float64)
    lengths = []
    for iterations in (1, 3, 10, 60):
        z = project_compressed(down, x, members, iterations=iterations)
        assert z.shape == x.shape
        assert members.distance(down(z)[None]).max() < 1e-6
        lengths.append(planes_norm(z - x))
    assert all(b <= a * (1 + 1e-9) for a, b in pairwise(lengths))
    assert lengths[2] < lengths[3] * 1.001
    # No member is nearer: they all lie behind the plane through z that x - z is normal to.
    other = project_compressed(down, torch.rand(3, *size, generator=generator, dtype=torch.float64), members)
    a, b = (in_planes(v) for v in (x - z, other - z))
    assert (a * b).sum() <= 1e-4 * a.norm() * b.norm()
    torch.testing.assert_close(project_compressed(down, z, members, iterations=5), z, rtol=0, atol=1e-6)
    torch.testing.assert_close(project_compressed(down, x[None], members)[0], project_compressed(down, x, members))


def in_planes(difference):
    ycc = torch.tensor(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=torch.float64
    )
    return torch.einsum("ij,jhw->ihw", ycc, difference)


def planes_norm(difference):
    return float(in_planes(difference).norm())


@pytest.mark.parametrize("kind", ["gray", "4:4:4", "4:2:0"])
def test_it_draws_coefficients_to_the_middle(kind, generator):
    image, tables = example(kind, 40)
    clipping = set_of(image, tables)
    x = image + 0.1 * torch.randn(image.shape, generator=generator, dtype=torch.float64)
    drawing = dataclasses.replace(clipping, drawn=30.0)
    middle, clipped, drawn = (
        planes(members, members.project(x)) for members in (narrow(clipping, 0.0), clipping, drawing)
    )
    # The nearer they are drawn, the finer the steps.
    for i, radius in enumerate(clipping.radii):
        away = coefficients(planes(clipping, x) - middle, i, clipping)
        wanted = torch.clamp(away / (1 + 30 / radius**2), -radius, radius)
        torch.testing.assert_close(coefficients(drawn - middle, i, clipping), wanted)
    assert drawing.contains(drawing.project(x), tolerance=1e-9).all()
    assert (drawn - middle).square().mean() < (clipped - middle).square().mean()
    everything = dataclasses.replace(clipping, drawn=1e12)
    torch.testing.assert_close(planes(everything, everything.project(x)), middle, rtol=0, atol=1e-6)


def test_what_is_not_known_is_not_drawn(generator):
    image, tables = example("gray", 40)
    free = dataclasses.replace(set_of(image, tables, r=1.0), drawn=30.0)
    free = dataclasses.replace(free, radii=tuple(torch.full_like(radius, torch.inf) for radius in free.radii))
    x = torch.randn(image.shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(free.project(x), x)


def narrow(members, share):
    return dataclasses.replace(members, radii=tuple(radius * share for radius in members.radii))


def coefficients(components, i, members):
    """The coefficients of component i, as the file cuts it into blocks."""
    v, h = members.factors[i]
    means = components[:, i].unflatten(-1, (-1, h)).unflatten(-3, (-1, v)).mean((-1, -3))
    return cosine.forward(to_blocks(means, (8, 8)))
