import pytest
import torch
from problems import picture
from searching import solve

from siren_sr import metrics
from siren_sr.grids import resampling
from siren_sr.superres import convolution
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture import search, self_correction
from siren_sr.superres.picture.quality import Effort

PLAN = (("plain", 10), ("steered", 10))
PLAIN, CORRECTED = Effort(PLAN, 0, 5), Effort(PLAN, 0, 5, correction_updates=40)


def test_turning_back_undoes_turning(generator):
    x = torch.rand(3, 4, 6, generator=generator)
    turned = [convolution.turn(x, i) for i in range(8)]
    assert len({tuple(t.flatten().tolist()) for t in turned}) == 8
    for i, t in enumerate(turned):
        assert torch.equal(convolution.turn_back(t, i), x)


def test_what_is_corrected_alike_in_every_orientation_turns_with_the_picture(generator):
    network = self_correction.Corrector(1, generator=generator, like=torch.zeros(1))
    given = torch.rand(2, 10, 12, generator=generator)
    found = self_correction.correct(network, given)
    torch.testing.assert_close(self_correction.correct(network, given.rot90(1, (1, 2))), found.rot90(1, (1, 2)))


def test_a_mistake_that_is_always_the_same_is_unlearned(generator):
    known = [picture(64, 64), picture(48, 80)]
    # A search that loses contrast, and an enlargement that is of no help.
    pairs = [(torch.cat([0.8 * p + 0.1, torch.zeros_like(p)]), p) for p in known]
    network = self_correction.learn(pairs, scale=4, updates=300, generator=generator)
    unseen = picture(40, 56).flip(1)
    given = torch.cat([0.8 * unseen + 0.1, torch.zeros_like(unseen)])
    assert metrics.psnr(self_correction.correct(network, given), unseen) > metrics.psnr(given[:3], unseen) + 6


def test_nothing_is_learned_from_a_search_that_is_always_right(generator):
    known = picture(64, 64)
    network = self_correction.learn([(torch.cat([known, known]), known)], scale=4, updates=100, generator=generator)
    assert metrics.psnr(self_correction.correct(network, torch.cat([known, known])), known) > 40


def test_the_same_generator_learns_the_same():
    known = picture(32, 32)
    pairs = [(torch.cat([known * 0.9, known]), known)]
    networks = [
        self_correction.learn(pairs, scale=4, updates=5, generator=torch.Generator().manual_seed(3)) for _ in range(2)
    ]
    for a, b in zip(*(n.parameters() for n in networks), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("scale", [(4, 4), (3, 2), (1.5, 1.5)])
def test_versions_lie_between_the_image_and_the_picture(scale, generator):
    size, shape = (96, 120), (round(96 / scale[0]), round(120 / scale[1]))
    hr = picture(*size)
    down = Downsample.between(size, shape, like=hr)
    found = self_correction.smaller_versions(hr, down(hr), down, count=6, side=640, generator=generator)
    assert len(found) == 6
    torch.testing.assert_close(found[0][0], down(hr))
    sides = [version.shape[1] for version, _ in found]
    assert sides == sorted(sides)
    assert sides[0] < sides[-1] < size[0]
    for version, reduction in found:
        small = reduction(version)
        assert small.shape[1:] == reduction.shape
        for n, m, times in zip(version.shape[1:], small.shape[1:], down.scale, strict=True):
            assert m == round(n / times)
        assert metrics.psnr(small, resampling.resize(version, reduction.shape)) > 60


def test_of_a_large_picture_parts_are_taken(generator):
    hr = picture(240, 200)
    down = Downsample.between((240, 200), (60, 50), like=hr)
    found = self_correction.smaller_versions(hr, down(hr), down, count=6, side=48, generator=generator)
    for i, (version, reduction) in enumerate(found):
        assert version.shape == (3, 48, 48)
        assert reduction.shape == (12, 12)
        # A part as it is in the whole, but for what its borders cannot see.
        power = self_correction.LARGEST * i / 5 - 1
        whole = resampling.resize(hr, (round(240 * 4**power), round(200 * 4**power)))
        places = whole.unfold(1, 40, 1).unfold(2, 40, 1)
        errors = (places - version[:, None, None, 4:44, 4:44]).square().mean((0, 3, 4))
        assert errors.min() < 1e-3 < errors.mean()


def test_a_window_knows_the_scale_of_the_whole():
    down = Downsample.between((96, 96), (24, 24), kernel=1.6)
    part, rows, columns = down.window(slice(10, 70), slice(0, 60))
    assert (part.scale, part.kernel) == ((4.0, 4.0), 1.6)
    assert part.shape == (rows.stop - rows.start, columns.stop - columns.start)
    assert part.of_size((40, 48), like=torch.zeros(1)).shape == (10, 12)


@pytest.mark.parametrize(
    ("size", "scale", "answer"),
    [
        ((512, 512), (4, 4), True),
        ((128, 127), (4, 4), False),
        ((400, 400), (1.1, 1.1), False),
        ((32, 32), (2, 2), True),
    ],
)
def test_small_pictures_and_small_scales_teach_nothing(size, scale, answer):
    assert self_correction.possible(size, scale) == answer


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(search, "QUICK", PLAN)


def test_a_corrected_picture_still_explains_the_image_and_every_step_is_reported():
    hr = picture(128, 128)
    down, calls = Downsample.between((128, 128), (32, 32), like=hr), []
    lr = down(hr)
    found = solve(lr, (128, 128), CORRECTED, calls=calls)
    assert metrics.psnr(down(found), lr) > 60
    total = 20 + 6 * 20 + 40 + 20
    assert calls == list(range(1, total + 1))


def test_the_search_has_the_last_word_at_large_scales_only():
    hr, calls = picture(96, 96), []
    lr = Downsample.between((96, 96), (48, 48), like=hr)(hr)
    found = solve(lr, (96, 96), CORRECTED, calls=calls)
    assert calls[-1] == 20 + 6 * 20 + 40
    assert metrics.psnr(found, hr) > metrics.psnr(resampling.resize(lr, (96, 96)), hr)


@pytest.mark.parametrize(
    ("stop", "rounds"),
    [(10, PLAN[:1]), (50, PLAN), (20 + 6 * 20 + 10, PLAN)],
    ids=["in the search", "in that of a smaller version", "in the learning"],
)
def test_stopping_leaves_the_picture_that_was_found(stop, rounds):
    lr = Downsample.between((128, 128), (32, 32), like=torch.zeros(1))(picture(128, 128))
    found = solve(lr, (128, 128), CORRECTED, stop=stop)
    torch.testing.assert_close(found, solve(lr, (128, 128), Effort(rounds, 0, 5)))


def test_noise_and_small_pictures_are_not_corrected(monkeypatch):
    monkeypatch.setattr(self_correction, "learn", None)  # would fail if it were asked
    lr = Downsample.between((128, 128), (32, 32), like=torch.zeros(1))(picture(128, 128))
    solve(lr, (128, 128), CORRECTED, noise=0.05)
    small = lr[:, :12, :12]
    torch.testing.assert_close(solve(small, (48, 48), CORRECTED), solve(small, (48, 48), PLAIN))


def test_another_autocast_around_it_changes_nothing():
    known = picture(32, 32)
    pairs = [(torch.cat([known * 0.9, known]), known)]

    def learned():
        return self_correction.learn(pairs, scale=4, updates=20, generator=torch.Generator().manual_seed(3))

    alone = learned()
    with torch.autocast("cpu", enabled=False):
        within = learned()
    for a, b in zip(alone.parameters(), within.parameters(), strict=True):
        assert torch.equal(a, b)
