import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image
from problems import eight_bit, field, picture, whole
from searching import low

from siren_sr import Fit, metrics, omega, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres.options import STRATEGIES
from siren_sr.superres.picture import total_variation
from siren_sr.superres.plan import Plan, Problem

SCALES = [(1, (9, 11)), (1.3, (12, 14)), (2, (18, 22)), (3.7, (33, 41)), ((2, 3), (18, 33))]
"""Enlargements of an image (9, 11), and the sizes of the results."""


def problem(image=None, size=(48, 64), **options):
    image = picture(12, 16) if image is None else image
    return Problem(
        image * 2 - 1, size, options.get("steps"), options.get("align_corners", False), "standard", "bicubic", 0.0
    )


def test_the_schedules_are_those_of_the_paper():
    epochs = {name: [s.steps for s in STRATEGIES[name](problem()).stages] for name in ("basic", "trick1", "trick2")}
    assert epochs["basic"] == [5000]
    assert epochs["trick1"] == [500, 500, 500, 500, 1000, 1000, 1000]
    assert epochs["trick2"] == [1000] + [200] * 20
    assert all(sum(e) == 5000 for e in epochs.values())
    shapes = [s.shape for s in STRATEGIES["trick1"](problem()).stages]
    assert shapes == [(12, 16), (12, 15), (12, 16), (12, 15), (12, 16), (18, 24), (24, 32)]
    assert STRATEGIES["trick2"](problem()).stages[-1].shape == (36, 48)


@pytest.mark.parametrize("name", ["basic", "trick1", "trick2"])
def test_the_papers_strategies_use_omega_hr_and_scale_their_epochs(name):
    image = picture(12, 16)
    plan = STRATEGIES[name](problem(image, steps=500))
    assert plan.first_omega_0 == pytest.approx(omega.omega_hr(image, 4), rel=1e-5)
    assert sum(s.steps for s in plan.stages) == 500
    optimizer = plan.stages[0].optimizer([torch.nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.param_groups[0]["lr"] == 5e-4
    assert optimizer.param_groups[0]["weight_decay"] == 5e-6


def test_the_papers_loss_is_value_and_a_tenth_of_sobel():
    image, slope = picture(12, 16), 0.03
    objective = STRATEGIES["basic"](problem(image)).stages[0].objective
    # An error that is a ramp along 16 columns: the squares of 0 to 15 add up to 1240. Sobel's answer is 8 times the
    # slope inside, and 4 times at the ends, where borders are replicated. Three channels are summed.
    expected = 3 * slope**2 * (1240 + 0.1**2 * (14 * 8**2 + 2 * 4**2)) / 16
    found = objective(field(image * 2 - 1 + slope * torch.arange(16.0)))
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_divergence_is_minus_the_adjoint_of_the_gradient(generator):
    x = torch.randn(3, 7, 9, generator=generator, dtype=torch.float64)
    y = torch.randn(2, 3, 7, 9, generator=generator, dtype=torch.float64)
    torch.testing.assert_close((total_variation._gradient(x) * y).sum(), -(x * total_variation._divergence(y)).sum())


def test_edge_tensor_of_an_edge():
    step = torch.zeros(1, 24, 24)
    step[:, :, 12:] = 1
    xx, xy, yy = total_variation.edge_tensor(step)[:, 12, 12]
    assert xx == pytest.approx(total_variation.ACROSS, abs=0.02)  # across
    assert yy == pytest.approx(1, abs=0.02)  # along
    assert xy == pytest.approx(0, abs=0.02)
    flat = total_variation.edge_tensor(torch.full((3, 8, 8), 0.3))
    torch.testing.assert_close(flat[0], torch.ones(8, 8))


def test_the_result_explains_the_image():
    image = picture(14, 18) * 0.8 + 0.1
    fit = super_resolve(image, 4, steps=10, return_fit=True)
    values = fit.render(scale=4)
    down = resampling.resize(values, (14, 18))
    assert metrics.psnr(down, image) > 55  # but for the clipping, exactly


def test_better_than_bicubic_on_an_edge():
    hr = picture(96, 96)
    lr = low(hr, (24, 24))
    ours = super_resolve(lr, 4)
    assert metrics.psnr(ours, hr) > metrics.psnr(resampling.resize(lr, (96, 96)).clamp(0, 1), hr) + 1


@pytest.mark.slow
def test_better_than_bicubic_on_set5(data):
    for name in ("baby", "bird", "butterfly", "head", "woman"):
        hr = np.asarray(Image.open(data / "set5" / "HR" / f"{name}.png").convert("RGB"))
        lr = np.asarray(Image.open(data / "set5" / "LR_bicubic" / "X4" / f"{name}x4.png"))
        hr = hr[: lr.shape[0] * 4, : lr.shape[1] * 4]
        bicubic = np.asarray(Image.fromarray(lr).resize(hr.shape[1::-1], Image.Resampling.BICUBIC))
        assert metrics.psnr_y(super_resolve(lr), hr, border=4) > metrics.psnr_y(bicubic, hr, border=4) + 0.5


@pytest.mark.parametrize(("scale", "size"), SCALES)
def test_at_any_scale_the_result_explains_the_image(scale, size):
    image = picture(9, 11) * 0.8 + 0.1
    result = super_resolve(image, scale, prior=None)
    assert result.shape == (3, *size)
    torch.testing.assert_close(resampling.resize(result, (9, 11)), image, rtol=0, atol=1e-4)
    result = super_resolve(image, scale)  # whose prior doubts the image a little
    assert result.shape == (3, *size)
    torch.testing.assert_close(resampling.resize(result, (9, 11)), image, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("scale", "size"), SCALES)
def test_the_papers_strategies_show_their_network_on_the_finer_grid(scale, size, align_corners):
    image, options = whole(picture(9, 11)), {"strategy": "trick1", "steps": 3, "align_corners": align_corners}
    model = super_resolve(image, scale, return_fit=True, **options).model
    rows, columns = (torch.linspace(-1, 1, n) if align_corners else (2 * torch.arange(n) + 1) / n - 1 for n in size)
    values = model(torch.cartesian_prod(rows, columns).flip(1)).detach()  # x first
    expected = (values.T.reshape(3, *size) + 1) / 2
    torch.testing.assert_close(super_resolve(image, scale, **options), expected.clamp(0, 1))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 40), (50, 3)])
def test_thin_images(shape):
    image = picture(*shape) * 0.8 + 0.1
    result = super_resolve(image, 4, steps=2)
    assert result.shape == (3, 4 * shape[0], 4 * shape[1])
    torch.testing.assert_close(resampling.resize(result, shape), image, rtol=0, atol=1e-4)
    for axis, n in enumerate(shape, start=1):
        if n == 1:  # what cannot vary in the image does not vary in the result
            assert result.diff(dim=axis).abs().max() < 1e-5


@pytest.mark.parametrize("quality", ["fast", "standard"])
def test_no_axis_channel_sign_or_brightness_is_preferred(quality):
    image = 0.25 + 0.5 * picture(12, 17)
    expected = super_resolve(image, 3, prior=None, quality=quality)
    for change, back in (
        (lambda x: x.mT, lambda y: y.mT),
        (lambda x: x.flip(0), lambda y: y.flip(0)),
        (lambda x: 1 - x, lambda y: 1 - y),
        (lambda x: x + 0.2, lambda y: y - 0.2),
    ):
        found = back(super_resolve(change(image), 3, prior=None, quality=quality))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_arrays_of_every_type_give_the_same_picture_in_their_own(channels):
    shape = (8, 9) if channels == 0 else (8, 9, channels)
    levels = np.random.default_rng(0).integers(64, 192, shape)
    levels.flat[:2] = 0, 255  # integers of 8 and 16 bits have the range of their type, and floats have their own
    tensor = torch.from_numpy(levels / 255).float()
    expected = super_resolve(tensor.movedim(-1, 0) if channels else tensor, 2, steps=2)
    expected = expected.movedim(0, -1) if channels else expected
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535), (np.float32, 1), (np.float64, 1)):
        result = super_resolve((levels * (top / 255)).astype(dtype), 2, steps=2)
        assert isinstance(result, np.ndarray)
        assert result.dtype == dtype
        np.testing.assert_allclose(result / top, expected, rtol=0, atol=1e-5 + (0.5 / top if top > 1 else 0))


def test_batch_pil_and_path(tmp_path):
    image = picture(8, 9)
    images = torch.stack([image, image.flip(2)])
    for one, result in zip(images, super_resolve(images, 2, steps=2), strict=True):
        torch.testing.assert_close(result, super_resolve(one, 2, steps=2))
    pil = Image.fromarray(eight_bit(image)).convert("LA")
    pil.save(tmp_path / "a.png")
    expected = super_resolve(np.asarray(pil), size=(20, 19), steps=2)
    assert expected.shape == (20, 19, 2)
    for given in (pil, tmp_path / "a.png"):
        result = super_resolve(given, size=(20, 19), steps=2)
        assert isinstance(result, Image.Image)
        assert result.mode == "LA"
        np.testing.assert_array_equal(np.asarray(result), expected)


def test_size_of_a_turned_photograph_is_as_seen(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # stored lying on its side
    Image.new("RGB", (12, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert super_resolve(tmp_path / "a.jpg", size=(30, 20), steps=2).size == (30, 20)  # stored rows 20, columns 30


def test_one_fit_renders_every_scale(tmp_path):
    fit = super_resolve(picture(20, 30), 4, steps=5, return_fit=True)
    assert isinstance(fit, Fit)
    fit.save(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors")
    for scale in (1, 2, 3.7, 8):
        assert torch.equal(fit.render(scale=scale), loaded.render(scale=scale))
    coarse, fine = fit.render(scale=4), fit.render(scale=12)
    torch.testing.assert_close(fine[:, 1::3, 1::3], coarse, atol=1e-4, rtol=0)  # samples at the same places
    part = fit.render(scale=4, region=((5, 15), (10, 25)))
    torch.testing.assert_close(part, coarse[:, 20:60, 40:100], atol=1e-4, rtol=0)


def test_points_and_grid_agree():
    fit = super_resolve(picture(20, 30), 4, steps=3, return_fit=True)
    from siren_sr.grids import coordinates

    axes = coordinates.axes((80, 120))
    rows = fit.model(coordinates.points(axes))
    torch.testing.assert_close(rows.T.reshape(3, 80, 120), fit.model.on_grid(axes), atol=1e-5, rtol=1e-4)


def test_runs_repeat_and_seeds_matter():
    image = picture(10, 10)
    a, b = super_resolve(image, 2, steps=3), super_resolve(image, 2, steps=3)
    assert torch.equal(a, b)
    fits = [super_resolve(image, 2, steps=3, generator=g, return_fit=True) for g in (None, torch.Generator())]
    first, other = (fit.render(scale=5) for fit in fits)
    assert not torch.equal(first, other)
    torch.testing.assert_close(fits[1].render(scale=2), a, atol=1e-5, rtol=0)  # at its size it is the picture


def test_progress_and_stopping():
    seen, iterations = [], sum(steps for _, steps in total_variation.ROUNDS)
    options = {"prior": None, "steps": 4, "return_fit": True}
    super_resolve(picture(20, 20), 4, callback=seen.append, **options)
    steps = [p.entry.step for p in seen]
    assert steps == list(range(1, len(steps) + 1))
    assert seen[-1].entry.step == seen[-1].steps
    assert [p.stage for p in seen] == ["pixels"] * iterations + ["network"] * (len(seen) - iterations)
    assert all(a.entry.seconds <= b.entry.seconds for a, b in itertools.pairwise(seen))
    for limit in (3, iterations + 3):
        fit = super_resolve(picture(20, 20), 4, callback=lambda p, n=limit: p.entry.step >= n, **options)
        assert fit.stopped


def test_a_strategy_of_the_users():
    def half(problem):
        plan = STRATEGIES["basic"](problem)
        return Plan(plan.stages, first_omega_0=15.0, hidden_features=32)

    fit = super_resolve(picture(8, 8), 2, strategy=half, steps=2, return_fit=True)
    assert (fit.model.first_omega_0, fit.model.hidden_features) == (15.0, 32)
    assert len(fit.history) == 2


@pytest.mark.parametrize(
    ("image", "options", "error", "text"),
    [
        (picture(), {"scale": 0.5}, ValueError, r"smaller than the image, 24x32: scale must be >= 1"),
        (picture(), {"scale": -2}, ValueError, "scale must be a finite number > 0"),
        (picture(), {"scale": float("nan")}, ValueError, "scale must be a finite number > 0"),
        (picture(), {"scale": 2, "size": (48, 64)}, ValueError, "give scale or size, not both"),
        (picture(), {"size": (48,)}, ValueError, "size must be 2 integers"),
        (
            picture(),
            {"strategy": "edsr"},
            ValueError,
            r"strategy='edsr' is unknown: use one of \['basic', 'consistent'",
        ),
        (picture(), {"strategy": 3}, TypeError, "strategy must be a name or a callable"),
        (picture(), {"steps": 0}, ValueError, "steps must be >= 1"),
        (picture(), {"align_corners": True}, ValueError, "defined on pixel centres"),
        (picture() * math.nan, {}, ValueError, "NaN or infinite"),
        (torch.zeros(3, 0, 4), {}, ValueError, "the signal is empty"),
        ({1, 2}, {}, TypeError, "expected a tensor, an array, a list of numbers, a PIL image or a path, got set"),
        ("nowhere.png", {}, OSError, "nowhere.png"),
    ],
)
def test_errors(image, options, error, text):
    with pytest.raises(error, match=text):
        super_resolve(image, **options)


@pytest.mark.parametrize(
    "options", [{}, {"prior": None, "quality": "fast"}, {"noise": 0.02}, {"strategy": "trick2"}], ids=str
)
def test_scale_and_offset_of_floats_do_not_matter(options):
    image = 0.1 + 0.8 * picture(12, 14).double()
    given = {"steps": 5, **options}
    expected = super_resolve(image, 2, **given)
    for scale, offset in ((0.02, 0.0), (3.0, 5.0), (200.0, -20.0)):
        if "noise" in given:
            given["noise"] = 0.02 * scale
        found = (super_resolve(scale * image + offset, 2, **given) - offset) / scale
        assert metrics.psnr(found.clamp(0, 1), expected) > 70


def test_constant_images_stay_constant():
    for value in (0.0, 0.3, 7.0, -2.0):
        assert torch.equal(super_resolve(torch.full((3, 5, 6), value), 2), torch.full((3, 10, 12), value))
        assert torch.equal(
            super_resolve(torch.full((3, 5, 6), value), 2, noise=0.1, prior=None), torch.full((3, 10, 12), value)
        )


def test_twelve_bits_are_enlarged_as_well_as_sixteen():
    levels = (picture(12, 14) * 4095).round()
    twelve = super_resolve(levels.to(torch.uint16), 2).float() / 4095
    eight = super_resolve(((levels / 4095 * 255).round()).to(torch.uint8), 2).float() / 255
    torch.testing.assert_close(twelve, eight, rtol=0, atol=2 / 255)


def test_what_needs_too_much_memory_is_refused_before_it_begins():
    with pytest.raises(ValueError, match=r"needed to enlarge it to 96x128, 1\.0 MB are allowed: enlarge parts of it"):
        super_resolve(picture(), 4, max_memory=1e6)
    with pytest.raises(MemoryError, match=r"of memory are needed to enlarge it to 65536x65536, .* are free"):
        super_resolve(torch.zeros(1, 16384, 16384, dtype=torch.uint8), 4)
