"""What is assumed of an image where the user says nothing, and that a clean image stays as it was."""

import logging

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from siren_sr import super_resolve

CLEAN = data.astronaut()[32:80, 100:160]
NOISY = (CLEAN + np.random.default_rng(0).normal(0, 10, CLEAN.shape)).clip(0, 255).round().astype(np.uint8)
QUICK = {"scale": 2, "quality": "fast", "steps": 1}


def degradation(image, **options):
    return super_resolve(image, **QUICK, return_fit=True, **options).degradation


def test_pictures_are_examined_and_numbers_are_not():
    assert degradation(Image.fromarray(NOISY)).noise == pytest.approx(10 / 255, rel=0.25)
    assert degradation(NOISY).noise == 0
    assert degradation(torch.from_numpy(NOISY).movedim(-1, 0)).noise == 0
    assert degradation(NOISY, noise="auto").noise == degradation(Image.fromarray(NOISY)).noise
    assert degradation(Image.fromarray(NOISY), noise=0).noise == 0
    assert degradation(Image.fromarray(NOISY), noise=0.05).noise == 0.05
    published = super_resolve(Image.fromarray(NOISY), 2, strategy="trick2", steps=1, return_fit=True)
    assert published.degradation.noise == 0


def test_a_clean_picture_is_enlarged_as_before():
    result = np.asarray(super_resolve(Image.fromarray(CLEAN), **QUICK))
    np.testing.assert_array_equal(result, super_resolve(CLEAN, **QUICK))
    assert degradation(Image.fromarray(CLEAN)).noise == 0


def test_what_was_found_is_as_if_it_had_been_said():
    fit = super_resolve(Image.fromarray(NOISY), **QUICK, return_fit=True)
    assert fit.made["noise"] == fit.degradation.noise
    said = super_resolve(NOISY, **QUICK, noise=fit.degradation.noise)
    np.testing.assert_array_equal(np.asarray(super_resolve(Image.fromarray(NOISY), **QUICK)), said)


def test_the_unit_is_that_of_the_image():
    assert degradation(NOISY / 51, noise="auto").noise == pytest.approx(
        5 * degradation(NOISY, noise="auto").noise, rel=0.1
    )


def test_every_image_of_a_batch_has_its_own():
    first, second = super_resolve(np.stack([CLEAN, NOISY]), **QUICK, noise="auto", return_fit=True)
    assert first.degradation.noise == 0 < second.degradation.noise
    both = super_resolve(np.stack([CLEAN, NOISY]), **QUICK, noise="auto")
    np.testing.assert_array_equal(both[1], super_resolve(NOISY, **QUICK, noise="auto"))


def test_alpha_has_no_noise():
    alpha = np.full((*NOISY.shape[:2], 1), 200, np.uint8)
    assert (
        degradation(Image.fromarray(np.concatenate([NOISY, alpha], 2))).noise == degradation(NOISY, noise="auto").noise
    )


def test_a_line_tells_what_was_found(caplog):
    with caplog.at_level(logging.INFO, "siren_sr"):
        super_resolve(Image.fromarray(CLEAN), **QUICK)
        assert "noise" not in caplog.text
        super_resolve(Image.fromarray(NOISY), **QUICK)
    assert "noise was found in the image, with a standard deviation of about 1" in caplog.text
