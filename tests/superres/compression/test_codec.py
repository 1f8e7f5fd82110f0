"""What compression leaves, against Pillow: to the last bit."""

import io as bytesio

import imagecodecs
import numpy as np
import pytest
import torch
from compressed import picture, tensor
from PIL import Image

from siren_sr import io
from siren_sr.superres.compression import cosine, planes
from siren_sr.superres.compression.codec import coefficients_of, compress, decode


def through_pillow(pixels, quality, subsampling):
    """The file and the pixels that Pillow decodes."""
    if subsampling in ("4:4:0", "4:1:1"):  # Pillow reads such files, but writes none
        data = imagecodecs.jpeg8_encode(pixels, level=quality, subsampling=subsampling.replace(":", ""))
    else:
        stream = bytesio.BytesIO()
        Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).save(
            stream, "JPEG", quality=quality, subsampling=subsampling
        )
        data = stream.getvalue()
    with Image.open(bytesio.BytesIO(data)) as image:
        return data, np.asarray(image)


@pytest.mark.parametrize("subsampling", ["gray", "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1"])
@pytest.mark.parametrize("quality", [1, 10, 30, 50, 75, 90, 95, 100])
def test_it_is_what_pillow_decodes(quality, subsampling):
    for size in ((32, 48), (75, 91), (17, 34), (5, 3), (1, 1)):
        pixels = picture(*size, channels=1 if subsampling == "gray" else 3)
        data, decoded = through_pillow(pixels, quality, "4:4:4" if subsampling == "gray" else subsampling)
        tables = io.read_jpeg_tables(data)
        assert (tables.subsampling == subsampling) or subsampling == "gray"
        got = compress(tensor(pixels), tables)
        torch.testing.assert_close(got, tensor(decoded), rtol=0, atol=1e-12)
        written = io.read_jpeg_coefficients(data)
        if written is not None:
            for a, b in zip(coefficients_of(tensor(pixels), tables), written, strict=True):
                np.testing.assert_array_equal(a[0].numpy(), b)
            whole = decode([torch.from_numpy(c)[None] for c in written], tables, size)
            torch.testing.assert_close(whole, tensor(decoded), rtol=0, atol=1e-12)


def test_each_image_may_have_its_own_tables():
    images = torch.cat([tensor(picture(20, 31, seed=seed)) for seed in (0, 1)])
    tables = [io.JpegTables.of_quality(quality) for quality in (20, 80)]
    got = compress(images, tables)
    for i in (0, 1):
        torch.testing.assert_close(got[i : i + 1], compress(images[i : i + 1], tables[i]))


def test_dtype_and_rounding_follow_the_images():
    image, tables = tensor(picture(20, 31)), io.JpegTables.of_quality(60)
    single = compress(image.float() + 1e-4, tables)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, compress(image, tables).float())


def test_rgb_is_not_converted():
    pixels, stream = picture(20, 31), bytesio.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=60, keep_rgb=True)
    got = compress(tensor(pixels), io.read_jpeg_tables(stream))
    torch.testing.assert_close(got, tensor(np.asarray(Image.open(stream))), rtol=0, atol=1e-12)


def test_the_integer_transform_is_nearly_the_orthonormal_one(generator):
    samples = torch.randint(-128, 128, (500, 8, 8), generator=generator).double()
    exact = cosine.forward(samples)
    torch.testing.assert_close(cosine.rounded_forward(samples) / 8, exact, rtol=0, atol=0.3)
    torch.testing.assert_close(cosine.inverse(exact), samples)
    assert (cosine.rounded_inverse(exact.round()) - cosine.inverse(exact.round())).abs().max() < 0.6
    torch.testing.assert_close(cosine.orthonormal() @ cosine.orthonormal().T, torch.eye(8, dtype=torch.float64))


def test_colour_there_and_back_loses_at_most_a_level_or_two(generator):
    rgb = torch.randint(0, 256, (1, 3, 64, 64), generator=generator).double()
    assert (planes.to_rgb(planes.to_ycc(rgb)) - rgb).abs().max() <= 2


@pytest.mark.parametrize(("tables", "text"), [
    (io.JpegTables.of_quality(50, colour="CMYK"), "CMYK is not supported: convert the image to RGB"),
    (io.JpegTables.of_quality(50, colour="gray"), r"gray tables need 1 channels; got shape \(2, 3, 9, 9\)"),
    ([io.JpegTables.of_quality(50)] * 3, "one for each of the 2 images; got 3"),
    ([io.JpegTables.of_quality(50), io.JpegTables.of_quality(50, subsampling="4:4:4")], "differ in their steps only"),
    ([], "differ in their steps only"),
    (io.JpegTables(np.ones((3, 8, 8)), ((3, 3), (2, 1), (1, 1))), "reduced by whole numbers"),
])  # fmt: skip
def test_tables_that_do_not_fit_are_refused(tables, text):
    with pytest.raises(ValueError, match=text):
        compress(torch.zeros(2, 3, 9, 9), tables)
