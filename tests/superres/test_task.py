import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image
from problems import picture

from siren_sr import Fit, metrics, omega, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres.consistent import consistent
from siren_sr.superres.options import STRATEGIES
from siren_sr.superres.picture import total_variation
from siren_sr.superres.plan import Plan, Problem, TiledPlan


def problem(image=None, size=(48, 64), **options):
    image = picture(12, 16) if image is None else image
    return Problem(image * 2 - 1, size, options.get("steps"), options.get("align_corners", False))


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
    image = picture(12, 16)
    plan = STRATEGIES["basic"](problem(image))

    class Off:
        values = image * 2 - 1 + 0.5 * torch.linspace(0, 1, 16)

    from siren_sr import derivatives

    error = 0.5 * torch.linspace(0, 1, 16).expand(3, 12, 16)
    sobel = 0.1 * derivatives.image_gradient(error)
    expected = (error.square().sum() + sobel.square().sum()) / (12 * 16)
    torch.testing.assert_close(plan.stages[0].objective(Off), expected)


def test_divergence_is_minus_the_adjoint_of_the_gradient(generator):
    x = torch.randn(3, 7, 9, generator=generator, dtype=torch.float64)
    y = torch.randn(2, 3, 7, 9, generator=generator, dtype=torch.float64)
    torch.testing.assert_close((total_variation._gradient(x) * y).sum(), -(x * total_variation._divergence(y)).sum())


def test_edge_tensor_of_an_edge():
    step = torch.zeros(1, 24, 24)
    step[:, :, 12:] = 1
    xx, xy, yy = edge = total_variation.edge_tensor(step)[:, 12, 12]
    assert edge.shape == (3,)
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
    hr = (picture(96, 96) * 255).round() / 255
    lr = resampling.resize(hr, (24, 24)).clamp(0, 1)
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


@pytest.mark.parametrize("scale", [1, 1.3, 2, 3.7, (2, 3)])
@pytest.mark.parametrize("strategy", ["consistent", "trick1"])
def test_any_scale(scale, strategy):
    image = picture(9, 11)
    rows, columns = scale if isinstance(scale, tuple) else (scale, scale)
    result = super_resolve(image, scale, strategy=strategy, steps=3)
    assert result.shape == (3, math.floor(9 * rows + 0.5), math.floor(11 * columns + 0.5))
    assert torch.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1
    if scale == 1 and strategy == "consistent":
        torch.testing.assert_close(result, image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 40), (50, 3)])
def test_thin_images(shape):
    assert super_resolve(torch.full((3, *shape), 0.25), 4, steps=2).shape == (3, 4 * shape[0], 4 * shape[1])


def test_a_constant_image_stays_constant():
    torch.testing.assert_close(super_resolve(torch.full((1, 8, 8), 0.3), 3, steps=3), torch.full((1, 24, 24), 0.3))


@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_kind_and_type_of_arrays(channels, dtype):
    shape = (8, 9) if channels == 0 else (8, 9, channels)
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    image = (np.random.default_rng(0).random(shape) * top).astype(dtype)
    result = super_resolve(image, 2, steps=2)
    assert isinstance(result, np.ndarray)
    assert result.dtype == dtype
    assert result.shape == (16, 18, *shape[2:])


def test_batch_pil_and_path(tmp_path):
    image = picture(8, 9)
    batch = super_resolve(torch.stack([image, image.flip(2)]), 2, steps=2)
    torch.testing.assert_close(batch[0], super_resolve(image, 2, steps=2))
    assert batch.shape == (2, 3, 16, 18)
    pil = Image.fromarray((image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)).convert("LA")
    assert super_resolve(pil, 2, steps=2).mode == "LA"
    pil.save(tmp_path / "a.png")
    result = super_resolve(tmp_path / "a.png", size=(20, 19), steps=2)
    assert isinstance(result, Image.Image)
    assert result.size == (19, 20)


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
    super_resolve(picture(20, 20), 4, steps=4, callback=seen.append)
    steps = [p.entry.step for p in seen]
    assert steps == list(range(1, len(steps) + 1))
    assert seen[-1].entry.step == seen[-1].steps
    assert [p.stage for p in seen] == ["pixels"] * iterations + ["network"] * (len(seen) - iterations)
    assert all(a.entry.seconds <= b.entry.seconds for a, b in itertools.pairwise(seen))
    for limit in (3, iterations + 3):
        fit = super_resolve(picture(20, 20), 4, steps=4, callback=lambda p, n=limit: p.entry.step >= n, return_fit=True)
        assert fit.stopped


def test_a_strategy_of_the_users():
    def half(problem):
        plan = STRATEGIES["basic"](problem)
        return Plan(plan.stages, first_omega_0=15.0, hidden_features=32)

    fit = super_resolve(picture(8, 8), 2, strategy=half, steps=2, return_fit=True)
    assert fit.model.first_omega_0 == 15.0
    assert isinstance(consistent(problem()), TiledPlan)


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
        (picture() * 255, {}, ValueError, r"must lie in \[0, 1\]"),
        (picture() * math.nan, {}, ValueError, "NaN or infinite"),
        (torch.zeros(3, 0, 4), {}, ValueError, "the signal is empty"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), {}, TypeError, "int64 images have no known range"),
        ([[1, 2]], {}, TypeError, "expected a tensor, a NumPy array, a PIL image or a path, got list"),
        ("nowhere.png", {}, OSError, "nowhere.png"),
    ],
)
def test_errors(image, options, error, text):
    with pytest.raises(error, match=text):
        super_resolve(image, **options)
