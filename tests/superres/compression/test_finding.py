"""How a compression is found out, and what the set of the file is for the image that is worked on."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from compressed import picture
from PIL import Image

from siren_sr.io import JpegTables, pillow_jpeg_tables, read_image, read_jpeg_tables
from siren_sr.signals import as_signal
from siren_sr.signals.orientation import turn_upright
from siren_sr.superres.compression.finding import find

SIZE = (48, 80)


def gentle(height, width):
    """A picture that nothing clips."""
    return picture(height, width) // 2 + 64


def jpeg(quality=60, *, size=SIZE, channels=3, orientation=1, **options):
    """The content of a JPEG file of a picture that is no noise."""
    pixels = gentle(*size)
    image = Image.fromarray(pixels) if channels == 3 else Image.fromarray(pixels[..., 0])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, exif=exif, **options)
    return stream.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


def found(image, compression="auto", **options):
    return find(image, as_signal(image, dims=2, **options).upright(), compression)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:2"},
        {"progressive": True},
        {"restart_marker_blocks": 3},
        {"channels": 1},
        {"size": (37, 51)},
        {"keep_rgb": True},
        {"qtables": [[12] * 64, [30] * 64]},
    ],
    ids=str,
)
def test_a_file_and_what_pillow_reads_of_it_say_the_same(options):
    content = jpeg(**options)
    known = found(content)
    assert known is not None
    assert known.tables == read_jpeg_tables(content) == pillow_jpeg_tables(opened(content))
    of_pillow = found(opened(content))
    assert of_pillow.tables == known.tables
    # Of pixels not every coefficient is certain, and those that are not may be anything.
    for own, other, radius in zip(
        known.members.centres, of_pillow.members.centres, of_pillow.members.radii, strict=True
    ):
        sure = torch.isfinite(radius)
        assert sure.double().mean() > 0.5
        own = own[:, : other.shape[1], : other.shape[2]]
        assert (own[sure] == other[sure]).double().mean() > 0.99


def test_what_was_no_jpeg_or_is_none_any_more_is_left_alone():
    pixels = gentle(*SIZE)
    content = jpeg()
    changed = opened(content)
    changed.thumbnail((40, 40))
    painted = opened(content)
    painted.putdata([tuple(p) for p in pixels.reshape(-1, 3).tolist()])
    replaced = dataclasses.replace(read_image(content), pixels=pixels[::-1].copy())
    for image in (pixels, torch.from_numpy(pixels).permute(2, 0, 1), Image.fromarray(pixels), changed, replaced):
        assert found(image) is None
    assert found(painted) is None
    assert found(jpeg(100)) is None
    assert found(jpeg(99)) is None
    assert found(content, None) is None


def test_what_was_painted_over_in_part_is_free():
    image = opened(jpeg(subsampling="4:4:4"))
    image.paste((9, 200, 3), (20, 10, 30, 15))
    members = found(image).members
    free = torch.isinf(members.radii[0][0, ..., 0, 0])
    assert free[1, 2:4].all()
    assert not free[3:].any()


def test_pixels_that_show_it_are_recognised_where_that_is_asked_for():
    rows, columns = np.mgrid[:96, :128]
    smooth = np.stack([rows + columns, 2 * rows, 255 - columns], 2).astype(np.uint8) + picture(96, 128) // 8
    stream = io.BytesIO()
    Image.fromarray(smooth).save(stream, "JPEG", quality=50)
    pixels = np.array(Image.open(stream))
    wanted = read_jpeg_tables(stream)
    assert found(pixels) is None
    for known in (found(Image.fromarray(pixels)), found(pixels, "jpeg"), found(pixels, wanted)):
        assert known.tables == wanted


def test_what_is_said_must_be_so():
    pixels = gentle(*SIZE)
    with pytest.raises(ValueError, match='compression="jpeg" was asked for, but the image is no JPEG file'):
        found(pixels, "jpeg")
    with pytest.raises(ValueError, match="does not fit the image: less than a quarter of its blocks"):
        found(pixels, JpegTables.of_quality(30))
    with pytest.raises(ValueError, match=r"tables for 3 components \(YCbCr\), but the image has 1 channels"):
        found(pixels[..., 0], JpegTables.of_quality(30))
    with pytest.raises(ValueError, match=r"of \(8, 8\) pixels, not of \(48, 80\)"):
        found(pixels, JpegTables.of_quality(30, size=(8, 8)))
    with pytest.raises(ValueError, match=r"of an image of shape \(3, 48, 80\), not \(3, 48, 79\)"):
        found(pixels[:, :79], found(jpeg()))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_set_is_that_of_the_upright_image(orientation, generator):
    stored, turned = found(jpeg()), found(jpeg(orientation=orientation))
    x = torch.rand(3, *SIZE, generator=generator)
    upright = turn_upright(x, orientation)
    assert turned.shape == tuple(upright.shape)
    torch.testing.assert_close(turned.project(upright), turn_upright(stored.project(x), orientation))
    rows, columns = (slice(16, 48), slice(32, 64)) if upright.shape[1] == SIZE[0] else (slice(32, 64), slice(16, 48))
    torch.testing.assert_close(
        turned.window(rows, columns).project(upright[:, rows, columns]), turned.project(upright)[:, rows, columns]
    )


def test_an_image_of_another_range_has_the_same_set(generator):
    pixels = np.array(opened(jpeg()))
    tables = read_jpeg_tables(jpeg())
    # Floats are worked on in a range of their own; here the darkest and the brightest value are not 0 and 1.
    floats = torch.from_numpy(pixels).permute(2, 0, 1).double() / 255
    floats, part = floats[:, 16:, :48], pixels[16:, :48]
    known = found(floats, tables := dataclasses.replace(tables, size=None))
    assert (known.low, known.contrast) != (0.0, 1.0)
    moved = known.project(torch.rand(3, 32, 48, generator=generator, dtype=torch.float64))
    torch.testing.assert_close(known.project(moved), moved)
    expected = found(part, tables).members.project((moved * known.contrast + known.low)[None].float())
    torch.testing.assert_close(expected[0].double() - known.low, moved * known.contrast, atol=1e-5, rtol=0)


def test_another_image_is_compressed_in_the_same_way():
    known = found(jpeg(orientation=6))
    image = torch.from_numpy(picture(40, 24)).permute(2, 0, 1) / 255
    decoded, its = known.compress(image)
    stream = io.BytesIO()
    stored = image.mul(255).round().byte().transpose(1, 2).flip(1).permute(1, 2, 0)  # a quarter turn back
    Image.fromarray(stored.contiguous().numpy()).save(stream, "JPEG", quality=60)
    expected = torch.from_numpy(np.array(Image.open(stream))).permute(2, 0, 1) / 255
    torch.testing.assert_close(turn_upright(expected, 6), decoded)
    assert its.members.contains(its._stored(image)).all()
