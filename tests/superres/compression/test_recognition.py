"""Images that once were JPEG files are recognised, and no others."""

import io as bytesio

import numpy as np
import pytest
import torch
from compressed import tensor
from PIL import Image, ImageFilter

from siren_sr import io
from siren_sr.superres.compression.codec import compress
from siren_sr.superres.compression.recognition import recognise


def scene(height=176, width=208, channels=3):
    """Soft shapes with some grain, in the middle of the range, as photographs are."""
    random = np.random.default_rng(5)
    noise = random.normal(0, 1, (height, width, 3))
    soft = [
        np.asarray(
            Image.fromarray(((noise + 4) * 30).clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(r)), float
        )
        for r in (3, 1)
    ]
    pixels = 128 + sum((s - s.mean()) / s.std() * k for s, k in zip(soft, (25, 8), strict=True)) + 2 * noise
    return pixels[..., :channels].clip(8, 247).astype(np.uint8)


@pytest.mark.parametrize("quality", [20, 50, 75, 90])
@pytest.mark.parametrize("subsampling", ["gray", "4:4:4", "4:2:2", "4:2:0"])
def test_a_decoded_image_is_recognised(quality, subsampling):
    gray = subsampling == "gray"
    colour, name = ("gray", "4:4:4") if gray else ("YCbCr", subsampling)
    tables = io.JpegTables.of_quality(quality, subsampling=name, colour=colour, size=(176, 208))
    decoded = compress(tensor(scene(channels=1 if gray else 3)), tables)[0]
    assert recognise(decoded) == tables
    assert recognise(decoded.float()) == tables


def test_others_are_not():
    plain = tensor(scene())[0]
    decoded = compress(plain[None], io.JpegTables.of_quality(60))[0]
    image = Image.fromarray((decoded * 255).round().byte().permute(1, 2, 0).numpy())
    resized = tensor(np.asarray(image.resize((160, 140), Image.Resampling.BICUBIC)))[0]
    flat, stripes = torch.full((3, 64, 64), 0.5), (torch.arange(64) % 2).double().expand(3, 64, 64)
    dimmed = (decoded * 255 * 0.9).round() / 255
    for other in (plain, resized, decoded[:, 3:, 3:], dimmed, decoded * 0.999, flat, stripes, decoded[:, :10, :10]):
        assert recognise(other) is None
    assert recognise(decoded[:, 16:, 32:]) is not None  # cut on the grid
    webp = bytesio.BytesIO()
    Image.fromarray(scene()).save(webp, "WEBP", quality=70)
    assert recognise(tensor(np.asarray(Image.open(webp).convert("RGB")))[0]) is None
