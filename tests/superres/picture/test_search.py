import math

import pytest
import torch
from problems import picture
from searching import low, solve

from siren_sr import metrics, super_resolve
from siren_sr.grids import resampling
from siren_sr.grids.windows import Windows
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture import deep_prior, search
from siren_sr.superres.picture.quality import Effort

TWO = (("plain", 20), ("steered", 20))
QUICK = Effort(rounds=(("plain", 30), ("steered", 30)), prior_updates=0, tile_steps=10)


def test_windows_agree_with_the_whole_and_show_no_seams(monkeypatch):
    hr = picture(88, 104)
    lr = low(hr, (22, 26))
    whole = solve(lr, (88, 104), QUICK)
    asked = []
    monkeypatch.setattr(search, "windows", lambda n, reach: asked.append(reach) or Windows.cover(n, 24, 12))
    windows = solve(lr, (88, 104), QUICK)
    assert asked == [16, 16]
    assert metrics.psnr(windows, whole) > 45
    assert metrics.psnr(windows, hr) > metrics.psnr(whole, hr) - 1  # they see less of it
    # No window's border shows: the differences to the whole have no jump there that they have not elsewhere.
    axis = Windows.cover(104, 24, 12)
    jumps = (windows - whole).diff(dim=2).abs().mean((0, 1))
    borders = [b for start in axis.starts for b in (start - 1, start + axis.length - 1) if 0 <= b < 103]
    elsewhere = torch.ones_like(jumps, dtype=torch.bool)
    elsewhere[borders] = False
    assert len(borders) >= 6
    assert jumps[borders].max() <= jumps[elsewhere].max()


def test_windows_of_a_large_scale_are_bound_by_the_image():
    lr = torch.tensor([[0.2, 0.8], [0.6, 0.4]]).repeat(1, 4, 4).repeat_interleave(3, 1).repeat_interleave(3, 2)
    size = (24 * 40, 24 * 40)
    result = solve(lr, size, Effort((("plain", 2), ("steered", 2)), 0, 1))
    assert metrics.psnr(resampling.resize(result, (24, 24)), lr) > 40


@pytest.mark.parametrize(("n", "count"), [(40, 1), (736, 1), (737, 2), (1024, 2), (4000, 7)])
def test_windows_are_no_longer_than_need_be(n, count):
    axis = search.windows(n, 16)
    assert len(axis.starts) == count
    assert axis.length * count <= n + (count - 1) * 2 * search.OVERLAP + count


def test_what_is_learned_once_corrects_every_window(monkeypatch):
    hr = picture(160, 176)
    lr, learned, calls = low(hr, (40, 44)), [], []
    learn = search.self_correction.learn
    monkeypatch.setattr(search, "windows", lambda n, reach: Windows.cover(n, 64, 24))
    monkeypatch.setattr(search.self_correction, "learn", lambda *a, **k: learned.append(a) or learn(*a, **k))
    monkeypatch.setattr(search, "QUICK", TWO)
    effort = Effort(TWO, 0, 1, correction_updates=60)
    windows = solve(lr, (160, 176), effort, calls=calls)
    assert len(learned) == 1
    assert calls[-1] == 4 * (40 + 20) + 6 * 40 + 60
    monkeypatch.undo()
    monkeypatch.setattr(search, "QUICK", TWO)
    assert metrics.psnr(windows, solve(lr, (160, 176), effort)) > 40


@pytest.mark.parametrize(("scale", "draws"), [(2, 0), (4, 1)])
def test_a_corrected_picture_is_drawn_once_where_that_helps(scale, draws, monkeypatch):
    monkeypatch.setattr(search, "QUICK", TWO)
    lr, calls = low(picture(128, 128), (128 // scale, 128 // scale)), []
    solve(lr, (128, 128), Effort(TWO, 5, 1, correction_updates=10), calls=calls)
    last = 20 if draws else 0
    assert calls[-1] == 40 + 6 * 40 + 10 + draws * 5 + last


def test_the_hourglass_learns_to_explain_the_image():
    hr = picture(48, 40)
    lr = low(hr, (12, 10))
    down = Downsample.between((48, 40), (12, 10), like=hr)

    def draw(updates, seed=0):
        return deep_prior.draw(lr, down, (48, 40), updates=updates, generator=torch.Generator().manual_seed(seed))

    few, many = draw(20), draw(200)
    assert metrics.psnr(down(many), lr) > metrics.psnr(down(few), lr) + 3
    assert metrics.psnr(many, hr) > metrics.psnr(few, hr) + 3
    torch.testing.assert_close(draw(20), few)
    assert not torch.equal(draw(20, seed=1), few)


@pytest.mark.parametrize("count", [1, 2])
def test_best_takes_the_mean_of_the_search_and_of_what_is_drawn(count, monkeypatch, generator):
    lr, size = low(picture(48, 48), (12, 12)), (48, 48)
    down = Downsample.between(size, (12, 12), like=lr)
    # They explain the image already, so that nothing is done to them but to take their mean.
    drawn = [down.project(torch.rand(3, *size, generator=generator), lr) for _ in range(count)]
    remaining = iter(drawn)

    def draw(image, down, size, *, updates, generator, monitor):
        for _ in range(updates):
            monitor.step()
        return next(remaining)

    monkeypatch.setattr(deep_prior, "draw", draw)
    monkeypatch.setattr(search, "draws", lambda size, most: count)
    monkeypatch.setattr(search, "LAST", ())
    both = solve(lr, size, Effort(TWO, prior_updates=30, tile_steps=10))
    searched = solve(lr, size, Effort(TWO, prior_updates=0, tile_steps=10))
    torch.testing.assert_close(both, (searched + torch.stack(drawn).mean(0)) / 2, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("stop", "rounds"), [(5, (("plain", 5),)), (45, TWO)])  # in the search, in the drawing
def test_stopping_gives_what_there_is(stop, rounds):
    lr, calls = low(picture(32, 32), (8, 8)), []
    result = solve(lr, (32, 32), Effort(TWO, 100, 10), calls=calls, stop=stop)
    torch.testing.assert_close(result, solve(lr, (32, 32), Effort(rounds, 0, 10)))
    assert calls == list(range(1, stop + 1))


@pytest.mark.parametrize("kernel", ["bicubic", "box", 1.6, "array"])
def test_other_kernels_are_better_known_than_not(kernel):
    if kernel == "array":
        kernel = torch.zeros(9, 9).fill_diagonal_(1.0)  # motion along the diagonal
    hr = picture(96, 96)
    lr = low(hr, (24, 24), kernel=kernel)
    known = super_resolve(lr, 4, prior=None, kernel=kernel, quality="fast")
    gain = 0.05 if isinstance(kernel, str) else 1  # dB; enlarging does not undo a blur
    assert metrics.psnr(known, hr) > metrics.psnr(resampling.resize(lr, (96, 96)).clamp(0, 1), hr) + gain
    assert metrics.psnr(known, hr) > metrics.psnr(super_resolve(lr, 4, prior=None, quality="fast"), hr) - 0.5


@pytest.mark.parametrize("size", [(8, 8), (48, 8)])
def test_pictures_too_small_for_an_hourglass_are_solved_on_pixels(size):
    small = (size[0] // 2, size[1] // 2)
    lr, calls = low(picture(*size), small), []
    effort = Effort(rounds=TWO, prior_updates=30, tile_steps=10)
    result = solve(lr, size, effort, calls=calls)
    torch.testing.assert_close(result, solve(lr, size, Effort(rounds=TWO, prior_updates=0, tile_steps=10)))
    assert calls[-1] == 40
    assert [search.draws(s, most=2) for s in (size, (64, 80), (512, 512))] == [0, 2, 1]


def test_two_hourglasses_are_asked_for_a_small_picture_and_the_result_explains_the_image():
    lr, calls = low(picture(64, 64), (16, 16)), []
    result = solve(lr, (64, 64), Effort(rounds=TWO, prior_updates=60, tile_steps=10), calls=calls)
    assert calls[-1] == 40 + 2 * 60 + 20
    assert metrics.psnr(Downsample.between((64, 64), (16, 16), like=lr)(result), lr) > 60


@pytest.mark.parametrize("quality", ["fast", "standard"])
@pytest.mark.parametrize("scale", [1.5, 2, 4])
def test_noise_is_not_amplified(quality, scale, generator):
    hr = picture(96, 96)
    clean = low(hr, (round(96 / scale), round(96 / scale)))
    noisy = (clean + 10 / 255 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
    bicubic = metrics.psnr(resampling.resize(noisy, (96, 96)).clamp(0, 1), hr)
    assert metrics.psnr(super_resolve(noisy, scale, noise=10 / 255, quality=quality), hr) > bicubic + 0.2


def test_a_prior_is_kept_and_made_consistent():
    hr = picture(96, 96) * 0.8 + 0.1
    lr = low(hr, (24, 24))
    asked = []

    def prior(image):
        asked.append(image)
        return (hr + 0.02 * torch.sin(torch.arange(96.0)))[None]

    given = metrics.psnr(prior(None)[0], hr)
    fit = super_resolve(lr, 4, prior=prior, return_fit=True)
    torch.testing.assert_close(asked[-1], lr[None], rtol=0, atol=1e-6)
    assert metrics.psnr(fit.render(scale=4), hr) > given - 0.1
    assert metrics.psnr(resampling.resize(fit.render(scale=4), (24, 24)), lr) > 50
    between = fit.render(size=(175, 175))
    assert metrics.psnr(resampling.resize(between, (24, 24)), lr) > 45


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"quality": "great"}, ValueError, "quality='great' is unknown"),
        ({"noise": -1}, ValueError, "standard deviation"),
        ({"noise": math.nan}, ValueError, "standard deviation"),
        ({"noise": "much"}, TypeError, "standard deviation"),
        ({"kernel": "nothing"}, ValueError, "kernel='nothing' is unknown"),
        ({"prior": 3}, TypeError, "callable"),
        ({"prior": lambda x: x[0]}, ValueError, "prior returned"),
        ({"prior": lambda x: None}, TypeError, "prior must return a tensor"),
        ({"prior": lambda x: x * math.nan}, ValueError, "NaN"),
        ({"strategy": "trick1", "noise": 0.1}, ValueError, "knows no noise"),
        ({"strategy": "basic", "quality": "best"}, ValueError, "knows no quality"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        super_resolve(torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(0)), 2, **options)
