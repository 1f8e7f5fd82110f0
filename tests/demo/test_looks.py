"""What the page draws and where it looks."""

import math

import numpy as np
import pytest
import torch
from problems import eight_bit, picture

from siren_sr import fit_signal, io
from siren_sr.demo import enlarging, pictures
from siren_sr.demo.desk import Job
from siren_sr.demo.view import LARGEST, View


def test_a_wave_is_two_points_in_its_spectrum():
    x = torch.arange(256) / 256
    wave = (0.5 + 0.4 * torch.sin(2 * math.pi * 32 * x)).expand(1, 256, 256)
    found = pictures.spectrum(wave)[0]
    assert found.max() == 1
    places = (found > 0.9).nonzero()
    assert set(places[:, 0].tolist()) <= {127, 128, 129}
    assert {min(abs(column - 96), abs(column - 160)) for column in places[:, 1].tolist()} <= {0, 1}
    assert not pictures.spectrum(torch.full((3, 16, 16), 0.3)).any()


def test_a_tone_is_a_line_in_its_spectrogram():
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(16000) / 8000)[None]
    found = pictures.spectrogram(tone, (256, 100))[0]
    rows = found[:, 20:80].argmax(0)  # 1000 Hz of the 4000 that there are, from the bottom
    assert ((rows - 0.75 * 256).abs() <= 2).all()


def test_what_is_shown_is_opaque_and_has_eight_bits(tmp_path):
    pixels = np.zeros((2, 3, 4), np.uint16)
    pixels[..., 0], pixels[..., 3] = 65535, 65535
    pixels[0, 0, 3] = 0
    shown = io.read_image(pictures.show(tmp_path / "a.png", pictures.picture_of(pixels))).pixels
    assert shown.dtype == np.uint8
    assert shown.shape == (2, 3, 3)
    assert shown[0, 0].tolist() == [255, 255, 255]
    assert shown[1, 1].tolist() == [255, 0, 0]


def test_sixteen_bits_and_alpha_are_kept_in_the_download(tmp_path):
    pixels = np.dstack([eight_bit(picture(8, 10)), np.full((8, 10), 200, np.uint8)]).astype(np.uint16) * 257
    io.write_image(tmp_path / "deep.png", pixels)
    asked = {
        "scale": 2,
        "quality": "fast",
        "noise": 0.0,
        "compression": None,
        "prior": "photographs",
        "kernel": "bicubic",
    }
    result = enlarging.work(str(tmp_path / "deep.png"), Job(tmp_path, 60), keep=False, file_format="PNG", **asked)
    saved = io.read_image(result.download).pixels
    assert saved.dtype == np.uint16
    assert saved.shape == (16, 20, 4)
    assert np.abs(saved[..., 3].astype(int) - 200 * 257).max() < 257
    assert io.read_image(result.pair[1]).pixels.shape == (16, 20, 3)


def test_a_fit_of_floats_is_shown_as_the_picture_is():
    values = picture(12, 14)
    fit = fit_signal(values, hidden_features=32, steps=60)
    shown = pictures.as_picture(fit).render()
    wanted = fit.render().clamp(0, 1).movedim(0, -1) * 255
    assert shown.dtype == np.uint8
    assert np.abs(shown - wanted.numpy()).max() <= 0.51


def test_a_fit_of_a_sound_is_no_picture():
    fit = fit_signal(torch.linspace(-1, 1, 64)[None], sample_rate=100, hidden_features=8, hidden_layers=1, steps=1)
    with pytest.raises(ValueError, match="is no picture but has a sound"):
        pictures.as_picture(fit)


def test_a_view_stays_inside_and_comes_back():
    view = View.whole(30, 50)
    assert view.region == ((0, 30), (0, 50))
    assert view.moved(1, -1) == view
    corner = view.closer(0, 1, 2)
    assert corner.region == ((0, 15), (25, 50))
    assert corner.moved(1, 0).region == ((15, 30), (25, 50))
    assert corner.moved(9, -9).region == ((15, 30), (0, 25))
    assert corner.zoomed(1e9).zoom == LARGEST
    assert corner.zoomed(0.1).region == view.region
    assert view.size(100) == (60, 100)
