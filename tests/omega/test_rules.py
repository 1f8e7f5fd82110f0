from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import DATA, cosine, picture, whole

from siren_sr import derivatives, init, omega
from siren_sr.grids import resampling
from siren_sr.omega import measures

needs_images = pytest.mark.skipif(
    not (DATA / "div2k_subset").is_dir(), reason="set SIREN_SR_DATA to the folder that holds div2k_subset"
)

# ω0* of the paper's images: name, low resolution, high resolution.
TABLE = [
    ("0803", 91.66, 43.51),
    ("0804", 153.86, 100.09),
    ("0805", 100.36, 77.87),
    ("0807", 127.83, 165.25),
    ("0810", 84.39, 93.88),
    ("0812", 132.71, 97.27),
    ("0813", 123.29, 68.80),
    ("0817", 131.98, 61.83),
    ("0818", 143.53, 89.50),
    ("0826", 129.93, 116.37),
    ("0827", 65.36, 54.61),
]
SPECTRAL = list(omega.FIRST_LAYER)
FOCUS = list(omega.CALIBRATION)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lr_path(name: str) -> Path:
    return DATA / "div2k_subset" / f"{name}x4.png"


# The paper's data


@needs_images
@pytest.mark.parametrize(("name", "low", "high"), TABLE)
def test_equation_7_of_the_papers_images(name: str, low: float, high: float) -> None:
    assert round(omega.omega_star(lr_path(name)), 2) == low
    assert round(omega.choose(lr_path(name), "laplacian_variance"), 2) == low
    assert round(omega.omega_star(DATA / "div2k_subset" / f"{name}.png"), 2) == high


@needs_images
def test_ratio_of_section_3_4() -> None:
    ratios = np.array([omega.omega_hr(lr_path(name), ratio=1.0) / high for name, _, high in TABLE])
    assert ratios.mean() == pytest.approx(0.1454, abs=1e-4)
    assert ratios.std(ddof=1) == pytest.approx(0.0447, abs=1e-4)


@needs_images
def test_calibration_is_the_geometric_mean_on_the_low_resolution_images() -> None:
    for name in FOCUS:
        logs = [math.log(omega.choose(lr_path(image), name) / low) for image, low, _ in TABLE]
        assert np.mean(logs) == pytest.approx(0, abs=2e-4), name


# Equation 7 and sections 3.1 and 3.4


def test_omega_star_of_one_bright_pixel() -> None:
    image = torch.zeros(3, 9, 12, dtype=torch.float64)
    image[1, 4, 7] = 1  # its Laplacian is -8 there and 1 in eight places: the sum is 0, that of squares 72
    assert omega.omega_star(image) == pytest.approx(250 * math.sqrt(72 / (3 * 9 * 12 - 1)), rel=1e-12)
    assert omega.omega_star(image, factor=10) == pytest.approx(10 * math.sqrt(72 / (3 * 9 * 12 - 1)), rel=1e-12)


def test_every_kind_of_image_gives_the_same() -> None:
    from PIL import Image

    array = (noise(12, 9, 3).numpy() * 255).astype(np.uint8)
    expected = omega.omega_star(array)
    same = [
        array / 255,
        array.astype(np.uint16) * 257,
        torch.from_numpy(array).permute(2, 0, 1),
        torch.from_numpy(array).permute(2, 0, 1) / 255,
        Image.fromarray(array),
    ]
    assert [omega.omega_star(image) for image in same] == pytest.approx([expected] * len(same), rel=1e-5)


def test_omega_hr_is_that_of_the_enlarged_image_over_the_ratio() -> None:
    image = 0.25 + noise(3, 9, 12) / 2  # so far from 0 and 1 that the enlargement stays inside
    as_torch = {"kernel": "bicubic_torch", "border": "replicate", "antialias": False}
    enlarged = resampling.resize(image, (36, 48), **as_torch)
    expected = omega.omega_star(enlarged) / 0.15
    assert omega.omega_hr(image) == pytest.approx(expected, rel=1e-9)
    assert omega.omega_hr(image, 2, size=(36, 48)) == pytest.approx(expected, rel=1e-9)
    assert omega.omega_hr(image, ratio=0.3) == pytest.approx(expected / 2, rel=1e-9)


def test_omega_hr_without_enlargement_is_omega_star() -> None:
    image = noise(1, 8, 8)
    assert omega.omega_hr(image, 1, ratio=1) == pytest.approx(omega.omega_star(image), rel=1e-9)


def test_omega_r_is_the_sampling_rate() -> None:
    assert omega.omega_r(22050) == 22050.0


# Focus measures in closed form


@pytest.mark.parametrize("half_periods", [1, 7, 40])
def test_focus_measures_of_a_sampled_cosine(half_periods: int) -> None:
    last = 64
    theta = math.pi * half_periods / last
    wave = torch.cos(theta * torch.arange(last + 1, dtype=torch.float64))  # reflection at the ends continues it
    values, power, size = wave[None], wave.square().mean().item(), wave.abs().mean().item()
    step = 2 - 2 * math.cos(theta)
    assert measures.laplacian_energy(values) == pytest.approx(9 * step**2 * power)
    assert measures.laplacian_variance(values) == pytest.approx(9 * step**2 * wave.var().item())
    assert measures.modified_laplacian(values) == pytest.approx(step * size)
    assert measures.diagonal_laplacian(values) == pytest.approx(step * size * (1 + math.sqrt(2)))
    assert measures.gradient_energy(values) == pytest.approx(2 * math.sin(theta / 2) ** 2)
    assert measures.brenner(values) == pytest.approx(2 * math.sin(theta) ** 2 * last / (last - 1))
    assert measures.total_variation(values) == pytest.approx(
        np.abs(2 * np.sin(theta / 2) * np.sin(theta * (np.arange(last) + 0.5))).mean()
    )
    assert measures.gray_level_variance(values) == pytest.approx(wave.var(unbiased=False).item())
    ends = (4 * (1 - math.cos(theta))) ** 2 * 2  # borders are replicated there
    assert measures.tenengrad(values) == pytest.approx(((8 * math.sin(theta)) ** 2 * last / 2 + ends) / (last + 1))


def test_operators_on_images_are_those_of_derivatives() -> None:
    image = noise(3, 11, 14)
    sobel = derivatives.image_gradient(image).square().sum(1)
    laplacian = derivatives.image_laplacian(image)
    assert measures.laplacian_variance(image) == pytest.approx(laplacian.var().item(), rel=1e-10)
    assert measures.laplacian_energy(image) == pytest.approx(laplacian.square().mean().item(), rel=1e-10)
    assert measures.tenengrad(image) == pytest.approx(sobel.mean().item(), rel=1e-10)
    assert measures.tenengrad_variance(image) == pytest.approx(sobel.sqrt().var().item(), rel=1e-10)


def test_diagonal_laplacian_of_one_bright_pixel() -> None:
    image = torch.zeros(1, 7, 7, dtype=torch.float64)
    image[0, 3, 3] = 1
    assert measures.modified_laplacian(image) == pytest.approx(2 * (2 + 1 + 1) / 49)
    assert measures.diagonal_laplacian(image) == pytest.approx((8 + 8 / math.sqrt(2)) / 49)


@pytest.mark.parametrize("name", FOCUS)
def test_a_row_an_image_that_repeats_it_and_a_sound_are_measured_alike(name: str) -> None:
    row = noise(2, 50)
    measure = omega.MEASURES[name]
    expected = measure(row)
    assert measure(row[:, None]) == pytest.approx(expected, rel=1e-10)
    assert measure(row[:, :, None]) == pytest.approx(expected, rel=1e-10)
    repeated = 0.01 if "variance" in name else 1e-10  # an unbiased variance counts its samples
    assert measure(row[:, None].expand(-1, 20, -1)) == pytest.approx(expected, rel=repeated)
    if name != "diagonal_laplacian":
        assert measure(row[:, None, :, None]) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", list(omega.MEASURES))
@pytest.mark.parametrize("shape", [(1, 9), (2, 7, 7), (1, 5, 5, 5)])
@given(contrast=st.floats(0.1, 10), offset=st.floats(-3, 3), seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_contrast_offset_and_order_of_the_axes(
    name: str, shape: tuple[int, ...], contrast: float, offset: float, seed: int
) -> None:
    values, measure = noise(*shape, seed=seed), omega.MEASURES[name]
    power = 1 / omega.CALIBRATION[name][1] if name in FOCUS else 0
    expected = measure(values)
    assert measure(values * contrast + offset) == pytest.approx(contrast**power * expected, rel=1e-6)
    assert measure(values.flip(-1)) == pytest.approx(expected, rel=1e-9)
    assert measure(values.flip(0)) == pytest.approx(expected, rel=1e-9)
    assert measure(values.transpose(1, -1)) == pytest.approx(expected, rel=1e-9)


# Spectral measures


@pytest.mark.parametrize("name", SPECTRAL)
@pytest.mark.parametrize("n", [64, 65, 128])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_spectral_measures_of_a_cosine_are_its_frequency_at_any_sampling(name: str, n: int, k: int) -> None:
    assert omega.MEASURES[name](0.3 * cosine(n, k)[None] + 0.5) == pytest.approx(math.pi * k / 2, rel=1e-9)
    image = cosine(n, k)[:, None] * cosine(50, k if k < 50 else 5)
    both = [k, k if k < 50 else 5]
    expected = math.pi / 2 * math.sqrt(sum(f**2 for f in both) / 2)
    assert omega.MEASURES[name](image[None]) == pytest.approx(expected, rel=1e-9)


def test_moments_of_two_cosines() -> None:
    values = (cosine(100, 10) + 0.5 * cosine(100, 40))[None]  # powers 4 : 1
    unit = math.pi / 2
    assert measures.spectral_centroid(values) == pytest.approx(unit * (4 * 10 + 40) / 5)
    assert measures.rms_frequency(values) == pytest.approx(unit * math.sqrt((4 * 100 + 1600) / 5))
    assert measures.spectral_rolloff(values) == pytest.approx(unit * 40)
    assert measures.spectral_rolloff((cosine(100, 10) + 0.1 * cosine(100, 40))[None]) == pytest.approx(unit * 10)


def test_rms_frequency_is_the_norm_of_the_gradient_over_that_of_the_signal() -> None:
    x = (torch.arange(4000, dtype=torch.float64) + 0.5) / 2000 - 1
    wave = torch.exp(-20 * x**2) * torch.sin(30 * x + 1)
    slope = torch.gradient(wave, spacing=(x,))[0]
    expected = (slope.square().mean() / wave.var(unbiased=False)).sqrt().item()
    assert measures.rms_frequency(wave[None]) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", SPECTRAL)
@pytest.mark.parametrize("shape", [(1, 20000), (3, 90, 90), (1, 24, 24, 24)])
def test_white_noise_gives_the_limit(name: str, shape: tuple[int, ...]) -> None:
    dims = len(shape) - 1
    found = omega.choose(noise(*shape), name, dims=dims)
    n = shape[-1]  # the cosines of n samples end one step below the Nyquist frequency
    assert found == pytest.approx(dims * math.pi * n / 2, rel=0.01 + 1 / n)


def test_first_layer_gets_the_frequency_of_the_signal() -> None:
    k = 12
    image = 0.5 + cosine(64, k)[:, None] * cosine(64, k) / 2
    weight = torch.empty(4000, 2)
    found = omega.choose(image, "rms_frequency")
    init.INITIALIZERS["sitzmann"](weight, omega_0=found, is_first=True, generator=torch.Generator().manual_seed(0))
    frequencies = found * weight
    assert frequencies.square().mean().sqrt().item() == pytest.approx(math.pi * k / 2, rel=0.02)


# choose


def test_choose_keeps_equation_7_within_limits() -> None:
    image = 0.4 + 0.1 * picture(30, 40)
    assert omega.choose(image, "laplacian_variance") == pytest.approx(omega.omega_star(whole(image)), rel=1e-4)
    assert omega.choose(torch.full((3, 8, 8), 0.5)) == omega.MINIMUM
    board = ((torch.arange(8)[:, None] + torch.arange(8)) % 2).float()
    assert omega.omega_star(board) > omega.choose(board, "laplacian_variance") == pytest.approx(math.pi * 8)


def test_choose_counts_the_updates_of_the_default_training() -> None:
    image = picture(60, 90)
    updates = 100 * 5  # passes over 5400 samples, in batches of about 1024
    assert omega.choose(image) == omega.choose(image, updates=updates, hidden_layers=2)
    assert omega.choose(image, updates=updates // 2) < omega.choose(image) < omega.choose(image, updates=2 * updates)
    for options, text in (
        ({"updates": 0}, "updates must be >= 1, got 0"),
        ({"hidden_layers": -1}, "hidden_layers must be >= 0, got -1"),
        ({"measure": "brenner", "updates": 5}, "updates and hidden_layers are for tangent_kernel"),
    ):
        with pytest.raises(ValueError, match=text):
            omega.choose(image, **options)
    with pytest.raises(TypeError, match=r"updates must be an integer >= 1, got 2\.5"):
        omega.choose(image, updates=2.5)


@pytest.mark.parametrize("name", ["tangent_kernel", *omega.MEASURES])
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (1, 1, 1), (1, 1, 5), (3, 6, 1), (1, 2, 2), (1, 1, 4, 1), (2, 3, 2, 3)]
)
def test_choose_is_usable_for_any_shape(name: str, shape: tuple[int, ...]) -> None:
    dims = len(shape) - 1
    for values in (noise(*shape), torch.zeros(shape)):
        assert 1 <= omega.choose(values, name, dims=dims) <= dims * math.pi * max(shape[1:]) / 2


@pytest.mark.parametrize("name", list(omega.MEASURES))
def test_choose_for_sounds_ignores_the_amplitude_and_follows_the_length(name: str) -> None:
    t = torch.arange(8000, dtype=torch.float64) / 8000
    sound = torch.sin(2 * math.pi * 400 * t) + 0.2 * torch.sin(2 * math.pi * 900 * t)
    found = omega.choose(sound, name, sample_rate=8000)
    assert omega.choose(17 * sound, name, sample_rate=8000) == pytest.approx(found)
    assert omega.choose((sound[:, None] * 1000).numpy(), name, sample_rate=8000) == pytest.approx(found, rel=1e-4)
    assert omega.choose(sound.repeat(2), name, sample_rate=8000) == pytest.approx(2 * found, rel=0.02)
    assert omega.choose(torch.zeros(1, 100), name, sample_rate=8000) == omega.MINIMUM


def test_resolution_aware_measures_do_not_depend_on_the_sampling() -> None:
    # 103 x 450 pixels are as many as the calibrating images have in the mean: there both kinds agree.
    coarse, fine = (0.5 + 0.4 * cosine(n * 103, 6)[:, None] * cosine(n * 450, 9) for n in (1, 2))
    aware = [omega.choose(image, "tenengrad", resolution_aware=True) for image in (coarse, fine)]
    plain = [omega.choose(image, "tenengrad") for image in (coarse, fine)]
    assert aware[0] == pytest.approx(plain[0], rel=1e-3)
    assert aware[1] == pytest.approx(aware[0], rel=0.01)
    assert plain[1] == pytest.approx(plain[0] / 2, rel=0.01)
    sounds = [cosine(n, 40) for n in (500, 1000)]
    aware = [omega.choose(sound, "brenner", sample_rate=1.0) for sound in sounds]
    plain = [omega.choose(sound, "brenner", sample_rate=1.0, resolution_aware=False) for sound in sounds]
    assert aware[1] == pytest.approx(aware[0], rel=0.03)
    assert plain[1] == pytest.approx(plain[0] / 2, rel=0.03)
    # A first layer of D axes reaches ω0/D along each: a sound needs half of what the image does that repeats it.
    image = whole(sounds[0].expand(500, -1))
    assert omega.choose(image, "brenner", resolution_aware=True) == pytest.approx(2 * aware[0], rel=5e-3)


def test_a_function_gives_omega_itself() -> None:
    seen = []

    def of_size(values: torch.Tensor) -> float:
        seen.append(tuple(values.shape))
        return 0.1 * values.numel()

    assert omega.choose(torch.zeros(6, 20), of_size) == pytest.approx(12)
    assert seen == [(1, 6, 20)]
    assert omega.choose(torch.zeros(2, 2), lambda values: 1e6) == pytest.approx(2 * math.pi)


def test_blur_lowers_every_measure() -> None:
    image = noise(1, 48, 48)
    blurred = [image]
    for _ in range(3):
        padded = torch.nn.functional.pad(blurred[-1][None], (1, 1, 1, 1), mode="reflect")
        blurred.append(torch.nn.functional.avg_pool2d(padded, 3, stride=1)[0])
    for name, measure in omega.MEASURES.items():
        found = [measure(step) for step in blurred]
        assert all(before > after for before, after in pairwise(found)), name


def test_the_input_and_the_random_state_stay_as_they_are() -> None:
    image = noise(3, 8, 8).requires_grad_()
    before, state = image.detach().clone(), torch.get_rng_state()
    for name in omega.MEASURES:
        assert isinstance(omega.choose(image, name), float)
    assert torch.equal(image, before)
    assert torch.equal(torch.get_rng_state(), state)


# Errors


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: omega.omega_star("missing.png"), OSError, "missing.png"),
        (lambda: omega.omega_star({0.0}), TypeError, "got set"),
        (lambda: omega.omega_star(torch.zeros(4, 4, dtype=torch.complex64)), TypeError, "complex64"),
        (lambda: omega.omega_star(torch.zeros(2, 3, 4, 4)), ValueError, r"\(2, 3, 4, 4\)"),
        (lambda: omega.omega_star(torch.zeros(3, 0, 4)), ValueError, "empty"),
        (lambda: omega.omega_star(torch.full((4, 4), math.nan)), ValueError, "NaN"),
        (
            lambda: omega.omega_star(torch.zeros(4, 4), factor=0),
            ValueError,
            "factor must be a positive .* got 0",
        ),
        (lambda: omega.omega_hr(torch.zeros(4, 4), 0), ValueError, "scale must be a positive .* got 0"),
        (lambda: omega.omega_hr(torch.zeros(4, 4), math.nan), ValueError, "scale must be .* got nan"),
        (lambda: omega.omega_hr(torch.zeros(4, 4), 0.5), ValueError, "only enlarges: got scale 0.5 .* 4 x 4"),
        (
            lambda: omega.omega_hr(torch.zeros(4, 4), size=(3, 8)),
            ValueError,
            r"only enlarges: got size \(3, 8\)",
        ),
        (lambda: omega.omega_hr(torch.zeros(4, 4), size=(8, 8, 8)), ValueError, "size must be 2 integers"),
        (lambda: omega.omega_hr(torch.zeros(4, 4), ratio=-1), ValueError, "ratio must be .* got -1"),
        (lambda: omega.omega_r(0), ValueError, "sample_rate must be a positive .* got 0"),
        (lambda: omega.omega_r("44100"), ValueError, "sample_rate must be a positive .* got '44100'"),
        (lambda: omega.omega_r(None), ValueError, "got None"),
        (
            lambda: omega.choose(torch.zeros(4, 4), "sharpness"),
            ValueError,
            "unknown measure 'sharpness': .*tenengrad",
        ),
        (lambda: omega.choose(torch.zeros(4, 4), 30), TypeError, "a name or a function, got int"),
        (lambda: omega.choose(torch.zeros(4, 4), lambda v: math.nan), ValueError, "finite number .* got nan"),
        (lambda: omega.choose(torch.zeros(4, 4), lambda v: -1), ValueError, "at least 0, got -1"),
        (
            lambda: omega.choose(torch.zeros(4, 4), "rms_frequency", resolution_aware=False),
            ValueError,
            "leave it out, got 'rms_frequency'",
        ),
        (lambda: omega.choose(torch.zeros(4), sample_rate=-8), ValueError, "sample_rate .* got -8"),
        (
            lambda: measures.rms_frequency(torch.zeros(4)),
            ValueError,
            r"\(C, \*grid\) tensor, got torch.float32 of shape",
        ),
        (lambda: measures.brenner(torch.zeros(1, 4, dtype=torch.uint8)), ValueError, "got torch.uint8"),
    ],
)
def test_errors_say_what_was_got(call, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(("scale", "ratio"), [(1, 1.0), (2, 0.15**0.5), (4, 0.15), (16, 0.15**2)])
def test_the_ratio_of_omega_hr_follows_the_scale(scale, ratio):
    image = torch.eye(8)
    assert omega.omega_hr(image, scale) == pytest.approx(omega.omega_hr(image, scale, ratio=ratio))
