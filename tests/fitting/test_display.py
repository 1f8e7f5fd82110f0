"""A fit shows itself: a bounded picture or sound of what the network holds, and what is known of it."""

import base64
import io
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from problems import SMALL, eight_bit, picture

from siren_sr import Fit, Siren, fit_signal, super_resolve
from siren_sr.fitting import Degradation, display
from siren_sr.io import ImageFile, JpegTables
from siren_sr.signals import Origin

TONE = torch.sin(2 * math.pi * 440 * torch.arange(4000) / 8000)[None]


def untrained(shape, channels=3, **origin):
    model = Siren(len(shape), channels, **SMALL, generator=torch.Generator().manual_seed(0))
    told = {"container": "array", "dtype": "uint8", "channels": True, "low": 0.0, "high": 255.0}
    told |= {"floor": 0.0, "ceiling": 255.0, "full": 255.0, "dims": len(shape), **origin}
    return Fit(model=model, history=(), psnr=20.0, shape=shape, origin=Origin(**told))


def opened(fit):
    with Image.open(io.BytesIO(fit._repr_png_())) as image:
        image.load()
    return image


def test_a_picture_is_shown_with_what_is_known():
    image = eight_bit(picture(140, 160))
    fit = fit_signal(image, **SMALL, steps=3, tiles=False, omega_0=25)
    shown = opened(fit)
    np.testing.assert_array_equal(np.asarray(shown), fit.reconstruction)  # small enough to be shown as it is
    text = fit._repr_html_()
    for known in (
        "image of 140x160",
        f"{fit.psnr:.2f} dB",
        "first_omega_0 25.00",
        "3 steps in ",
        "uint8",
        "omega_0=25",
    ):
        assert known in text
    assert f"{sum(p.numel() for p in fit.model.parameters()):,} parameters" in text
    assert "<svg" in text
    assert repr(fit) == f"Fit({display.summary(fit)})"
    assert len(repr(fit)) < 200


@pytest.mark.parametrize(
    ("shape", "size"), [((600, 900), (256, 171)), ((8, 10), (250, 200)), ((1, 1), (256, 256)), ((2000, 1), (1, 256))]
)
def test_the_picture_is_small_and_pixels_are_pixels(shape, size):
    fit = untrained(shape)
    assert opened(fit).size == size
    if shape == (8, 10):
        np.testing.assert_array_equal(np.asarray(opened(fit))[12::25, 12::25], fit.reconstruction)


@pytest.mark.parametrize(
    ("channels", "container", "mode"),
    [
        (1, "array", "L"),
        (2, "array", "L"),
        (2, "pil", "LA"),
        (4, "array", "RGB"),
        (4, "pil", "RGBA"),
        (7, "array", "RGB"),
    ],
)
def test_alpha_is_alpha_where_that_is_known(channels, container, mode):
    assert opened(untrained((5, 6), channels, container=container)).mode == mode


def test_a_volume_shows_its_middle():
    fit = untrained((5, 130, 140), 1)
    np.testing.assert_array_equal(np.asarray(opened(fit)), fit.reconstruction[2, ..., 0])


def test_a_turned_photograph_is_shown_upright_with_its_colours():
    # EXIF of one entry: orientation 6, which is seen turned to the right.
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    info = ImageFile(np.zeros((0, 0), np.uint8), "JPEG", exif=exif, icc_profile=b"a profile")
    fit = untrained((130, 150), container="image file", info=info)
    stored = opened(replace(fit, origin=replace(fit.origin, info=None)))
    shown = opened(fit)
    np.testing.assert_array_equal(np.asarray(shown), np.rot90(np.asarray(stored), -1))
    assert shown.info["icc_profile"] == b"a profile"
    large = replace(info, icc_profile=bytes(display.PROFILE + 1))
    assert "icc_profile" not in opened(replace(fit, origin=replace(fit.origin, info=large))).info


def test_an_enlarged_picture_is_shown_enlarged():
    small = Image.fromarray(eight_bit(picture(66, 70)))
    fit = super_resolve(small, 2, quality="fast", steps=2, return_fit=True)
    np.testing.assert_array_equal(np.asarray(opened(fit)), np.asarray(fit.render(scale=2)))
    text = fit._repr_html_()
    assert "prior=&quot;photographs&quot;" in text
    assert "super_resolve(scale=2, quality=fast, steps=2)" in text


@pytest.mark.parametrize(
    ("found", "texts"),
    [
        (Degradation(), ["bicubic", ">none<"]),
        (Degradation(1.25, 4 / 255), ["Gaussian of 1.25 pixels", "4.0 levels of 255"]),
        (Degradation(torch.ones(3, 5) / 15), ["3x5 weights"]),
        (Degradation(compression=JpegTables.of_quality(75)), ["JPEG, quality 75, YCbCr"]),
    ],
)
def test_how_an_image_came_about_is_told(found, texts):
    shown = replace(untrained((3, 4)), degradation=found)._repr_html_()
    assert all(text in shown for text in texts)


def test_a_sound_can_be_played():
    fit = fit_signal(TONE / 2, sample_rate=8000, steps=20, tiles=True)
    kind, data = re.search(r'src="data:audio/(\w+);base64,([^"]+)"', fit._repr_html_()).groups()
    assert kind in ("mpeg", "wav")
    played, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert rate == 8000
    middle = played[1000:3000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(np.argmax(spectrum) * 8000 / len(middle) - 440) < 8
    peak = float(fit.reconstruction.abs().max())
    assert abs(np.abs(middle).max() - peak) < 0.05  # as loud as it is
    shades = np.asarray(opened(fit))
    row = 127 - shades[-128:].mean(1).argmin()  # from the bottom, 128 rows up to 4000 Hz
    assert abs((row + 0.5) * 4000 / 128 - 440) < 50


def test_a_long_sound_is_shown_from_its_beginning(monkeypatch):
    monkeypatch.setattr(display, "SAMPLES", 2000)
    fit = untrained(
        (10_000,), 1, sample_rate=8000.0, dtype="int16", low=-900.0, high=900.0, floor=-900.0, ceiling=900.0
    )
    text = fit._repr_html_()
    assert "the first 0.2 s" in text
    assert "sound of 1.25 s, 8000 Hz" in text
    odd = replace(fit, origin=replace(fit.origin, sample_rate=7919.0))  # a rate that MP3 lacks
    data = re.search(r'src="data:audio/wav;base64,([^"]+)"', odd._repr_html_())[1]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="int16")
    assert (len(samples), rate) == (2000, 7919)
    assert np.abs(samples - fit.reconstruction[:2000, 0]).max() <= 1


@pytest.mark.parametrize("length", [1, 2, 30, 700])
def test_short_signals(length):
    assert opened(untrained((length,), 1, low=-1.0, high=1.0, dtype="float32")).size == (256, 196)


def test_a_strangers_texts_are_escaped():
    fit = replace(untrained((3, 4)), prior="<script>", made={"task": "<b>", "<i>": "</table>" * 100})
    text = fit._repr_html_()
    assert "<script>" not in text
    assert "<b>" not in text
    assert text.count("</table>") == 1
    assert len(text) < 4000


def test_a_fit_that_was_loaded_shows_itself(tmp_path):
    fit = fit_signal(picture(6, 7), **SMALL, steps=3)
    fit.save(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors")
    assert opened(loaded).tobytes() == opened(fit).tobytes()
    assert ">3 steps<" in loaded._repr_html_()  # a file does not hold the seconds
    assert "nan" not in loaded._repr_html_()
