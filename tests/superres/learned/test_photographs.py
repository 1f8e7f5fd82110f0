"""The prior that is shipped with the library."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from problems import picture
from searching import low

from siren_sr import Fit, metrics, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres.learned import drawing, photographs
from siren_sr.superres.plan import TiledPlan

HR = picture(96, 96) * 0.8 + 0.1


def enlarged(image, scale=4, **options):
    return super_resolve(image, scale, **{"prior": "photographs", **options})


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_better_than_bicubic_and_explains_the_image(scale):
    lr = low(HR, (96 // scale, 96 // scale))
    bicubic = metrics.psnr(resampling.resize(lr, (96, 96)).clamp(0, 1), HR)
    for quality in ("fast", "standard"):
        result = enlarged(lr, scale, quality=quality)
        assert metrics.psnr(result, HR) > bicubic + 1
        assert metrics.psnr(resampling.resize(result, lr.shape[1:]), lr) > 45


def test_no_orientation_is_preferred():
    lr = low(HR, (24, 20))
    expected = enlarged(lr)
    torch.testing.assert_close(enlarged(lr.flip(2)), expected.flip(2), rtol=0, atol=0.01)
    torch.testing.assert_close(enlarged(lr.rot90(1, (1, 2))), expected.rot90(1, (1, 2)), rtol=0, atol=0.01)


def test_whatever_the_user_holds():
    lr = low(HR, (24, 24))
    lr[:, 0, :2] = torch.tensor([0.0, 1.0])  # every channel has the whole range, alone and beside others
    colour = enlarged(lr)
    # A gray image is one colour three times; a fourth channel is a gray image of its own.
    gray = enlarged(lr[:1])
    repeated = enlarged(lr[:1].expand(3, -1, -1)).mean(0, keepdim=True)
    torch.testing.assert_close(gray, repeated, rtol=0, atol=0.01)
    four = enlarged(torch.cat([lr, lr[:1]]))
    torch.testing.assert_close(four[:3], colour, rtol=0, atol=1e-4)
    torch.testing.assert_close(four[3:], gray, rtol=0, atol=1e-4)
    five = enlarged(torch.cat([lr[:1]] * 5))
    torch.testing.assert_close(five, gray.expand(5, -1, -1), rtol=0, atol=1e-4)
    array = (lr * 255).round().byte().permute(1, 2, 0).numpy()
    pil = np.asarray(enlarged(Image.fromarray(array)))
    np.testing.assert_array_equal(pil, enlarged(array))
    assert enlarged(np.uint16(257) * array.astype(np.uint16)).dtype == np.uint16
    assert enlarged(lr.double(), (1.5, 2.3)).dtype == torch.float64
    assert enlarged(lr, (1.5, 2.3)).shape == (3, 36, 55)


def test_noise_and_blur_are_told(generator):
    lr = low(HR, (48, 48))
    noisy = (lr + 8 / 255 * torch.randn(lr.shape, generator=generator)).clamp(0, 1)
    untold, told = (metrics.psnr(enlarged(noisy, 2, noise=noise, quality="fast"), HR) for noise in (0.0, 8 / 255))
    assert told > untold + 1
    blurred = low(HR, (48, 48), kernel=1.0)
    untold, told = (
        metrics.psnr(enlarged(blurred, 2, kernel=kernel, quality="fast"), HR) for kernel in ("bicubic", 1.0)
    )
    assert told > untold + 1


def test_a_fit_shows_the_picture_at_its_size():
    lr = low(HR, (24, 24))
    fit = enlarged(lr, return_fit=True, steps=2)
    torch.testing.assert_close(fit.render(scale=4), enlarged(lr), rtol=0, atol=1e-5)
    assert fit.render(scale=6.5).shape == (3, 156, 156)


def test_the_file_is_small_and_says_where_it_comes_from():
    path = photographs.resources.files("siren_sr.superres.learned").joinpath(photographs.FILE)
    assert len(path.read_bytes()) < 1 << 20
    _, notes = photographs.load(str(path))
    assert "CREDITS.tsv" in notes["licence"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"scale": 9}, "enlarges 1.25 to 8 times, not 9x9"),
        ({"scale": (1, 2)}, "enlarges 1.25 to 8 times, not 1x2"),
        ({"noise": 0.2}, "knows noise up to .*, not 0.2"),
        ({"kernel": "box"}, "not 'box'"),
        ({"kernel": 4.0}, "Gaussians of up to .* pixels of the image, not 4.0"),
        ({"kernel": torch.ones(3, 3)}, "not an array"),
        ({"size": (30, 16)}, "at least 8 pixels"),
    ],
    ids=str,
)
def test_what_it_was_not_trained_on_is_enlarged_without_it(options, text, caplog):
    image = picture(6, 8) if "size" in options else picture(9, 8)
    options = {"quality": "fast", **({} if "size" in options else {"scale": 2}), **options}
    with caplog.at_level("INFO", "siren_sr"):
        fit = super_resolve(image, return_fit=True, steps=1, **options)
    assert fit.prior is None
    (line,) = caplog.messages
    assert re.search(text, line)
    assert torch.equal(super_resolve(image, **options), super_resolve(image, prior=None, **options))


def test_it_is_the_default_and_said(caplog, tmp_path):
    lr = low(HR, (24, 24))
    with caplog.at_level("INFO", "siren_sr"):
        fit = super_resolve(lr, return_fit=True, steps=1)
    assert fit.prior == "photographs"
    assert any('prior="photographs"' in line for line in caplog.messages)
    fit.save(tmp_path / "a.safetensors")
    assert Fit.load(tmp_path / "a.safetensors").prior == "photographs"
    assert torch.equal(super_resolve(lr), enlarged(lr))
    alone = super_resolve(lr, prior=None, return_fit=True, steps=1, quality="fast")
    assert alone.prior is None


def test_a_strategy_may_ask_it_and_the_papers_do_not(monkeypatch):
    asked = []
    enlarge = photographs.enlarge
    monkeypatch.setattr(photographs, "enlarge", lambda *a, **k: asked.append(1) or enlarge(*a, **k))
    lr = low(HR, (24, 24))
    for prior in ({}, {"prior": None}):
        super_resolve(lr, 2, strategy="basic", steps=1, **prior)
    assert not asked

    def shown(problem):
        return TiledPlan(problem.prior, problem.image, prior=problem.prior_name)

    super_resolve(lr, 2, strategy=shown)
    assert len(asked) == 1


def test_a_batch_is_worked_on_in_one_pass(monkeypatch):
    calls = []
    enlarge = photographs.enlarge
    monkeypatch.setattr(photographs, "enlarge", lambda x, **k: calls.append(len(x)) or enlarge(x, **k))
    images = torch.stack([low(HR, (24, 20)), low(HR.flip(2), (24, 20)), low(HR.flip(1), (24, 20))])
    together = super_resolve(images, 2, quality="fast")
    assert calls == [3]
    for one, expected in zip(images, together, strict=True):
        torch.testing.assert_close(super_resolve(one, 2, quality="fast"), expected, rtol=0, atol=1e-4)


def test_stopping_leaves_what_there_is_by_then():
    lr, seen = low(HR, (24, 24)), []
    fast = super_resolve(lr, 2, quality="fast")
    count = lambda p: seen.append((p.stage, p.steps)) or len(seen) == 3  # noqa: E731
    result = super_resolve(lr, 2, quality="fast", callback=count)
    assert seen == [("prior", 8)] * 3
    assert metrics.psnr(result, fast) > 35  # the mean of three orientations
    first = super_resolve(torch.stack([lr, lr]), 2, quality="fast", callback=lambda p: True)
    assert metrics.psnr(first[0], fast) > 30  # one orientation of eight
    torch.testing.assert_close(first[1], resampling.resize(lr, (48, 48)).clamp(0, 1))


@pytest.mark.parametrize("quality", ["standard", "best"])
def test_stopped_at_any_step_the_networks_and_ways_that_are_done_are_left(quality, monkeypatch):
    effort = replace(photographs.EFFORTS[quality], orientations=1, updates=3)
    monkeypatch.setitem(photographs.EFFORTS, quality, effort)
    lr, seen = low(HR, (32, 32)), []
    whole = super_resolve(lr, 3, quality=quality, callback=lambda p: seen.append((p.entry.step, p.steps)))
    steps = 1 + 2 + 3 + 1 + (2 if quality == "best" else 0)
    assert seen == [(i + 1, steps) for i in range(steps)]
    bicubic = metrics.psnr(resampling.resize(lr, (96, 96)).clamp(0, 1), HR)
    for last in range(1, steps):
        result = super_resolve(lr, 3, quality=quality, callback=lambda p, last=last: p.entry.step == last)
        assert metrics.psnr(result, HR) > bicubic + 1
        assert metrics.psnr(result, whole) > 30


def test_two_stages_are_taken_from_three_times_on_and_learning_has_half_a_share(monkeypatch):
    asked = []
    ask = drawing._ask
    monkeypatch.setattr(drawing, "_ask", lambda m, x, size, **k: asked.append(tuple(size)) or ask(m, x, size, **k))
    monkeypatch.setitem(photographs.EFFORTS, "standard", photographs.Effort(1, updates=2, staged=1))
    lr = low(HR, (32, 32))
    super_resolve(lr, 3)
    assert asked == [(96, 96), (64, 64), (96, 96), (96, 96)]
    asked.clear()
    super_resolve(lr, 2)
    assert asked == [(64, 64)] * 2
    asked.clear()
    super_resolve(lr, 3, noise=0.02)  # in one stage, but learned from
    super_resolve(lr, 1.5)
    super_resolve(lr[:, :16, :16], 4)  # too small to learn from
    assert asked == [*[(96, 96)] * 2, (48, 48), (64, 64), (32, 32), (64, 64)]
