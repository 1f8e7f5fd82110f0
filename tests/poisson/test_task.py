import numpy as np
import pytest
import torch
from PIL import Image
from problems import SMALL, eight_bit, picture, smooth, spy

from siren_sr import derivatives, metrics, omega, solve_poisson
from siren_sr.derivatives.inverse import laplacian_of_gradient
from siren_sr.grids import coordinates
from siren_sr.training import optimizers, recipes

QUICK = {**SMALL, "optimizer": optimizers.soap(5e-3)}


def last(target):
    """A tensor (C, H, W), or (C, 2, H, W), as an array with the grid's axes first."""
    return np.moveaxis(target.numpy(), (-2, -1), (0, 1))


def targets(image):
    return {"gradient": derivatives.image_gradient(image), "laplacian": derivatives.image_laplacian(image)}


@pytest.mark.parametrize("method", ["numerical", "analytical"])
@pytest.mark.parametrize("name", ["gradient", "laplacian"])
def test_a_picture_is_rebuilt_from_its_derivatives(name, method):
    image = smooth()
    found = solve_poisson(**{name: targets(image)[name]}, mean=image.mean((1, 2)), method=method, steps=150, **QUICK)
    assert (found.shape, found.dtype) == (image.shape, image.dtype)
    # A Laplacian says little about what is slow: the same error in it is a larger one in the picture.
    bound = {
        "gradient": {"numerical": 35, "analytical": 35},
        "laplacian": {"numerical": 15, "analytical": 12},
    }[name][method]
    assert metrics.psnr(found, image) > bound


def test_both_methods_find_the_same_picture():
    image = smooth()
    gradient, mean = derivatives.image_gradient(image), image.mean((1, 2))
    a, b = (
        solve_poisson(gradient=gradient, mean=mean, method=m, steps=150, **QUICK) for m in ("numerical", "analytical")
    )
    assert metrics.psnr(a, b) > 35


@pytest.mark.parametrize("mean", [0.3, [0.2, 0.6], torch.tensor([0.2, 0.6])])
def test_the_mean_is_met_exactly(mean):
    fit = solve_poisson(gradient=derivatives.image_gradient(smooth()), mean=mean, steps=3, return_fit=True, **SMALL)
    expected = torch.as_tensor(mean, dtype=torch.float32).expand(2)
    torch.testing.assert_close(fit.reconstruction.mean((1, 2)), expected, rtol=0, atol=1e-6)


def test_the_mean_changes_nothing_but_the_mean():
    gradient = derivatives.image_gradient(smooth())
    a, b = (solve_poisson(gradient=gradient, mean=m, steps=5, **SMALL) for m in (None, 0.5))
    difference = a - b
    torch.testing.assert_close(difference, difference.mean((1, 2), keepdim=True).expand_as(a), rtol=0, atol=1e-6)


def test_the_mean_gradient_decides_what_the_laplacian_does_not_say():
    x, y = coordinates.grid((12, 12)).T.reshape(2, 1, 12, 12)
    ramp = 0.5 + 0.2 * x - 0.1 * y  # harmonic: inside, its Laplacian is 0
    laplacian = torch.zeros_like(ramp)
    wanted = derivatives.image_gradient(ramp).flatten(2).mean(2)
    options = {"laplacian": laplacian, "mean": 0.5, "method": "analytical", "steps": 80, **QUICK}
    with_it = solve_poisson(mean_gradient=wanted, **options)
    torch.testing.assert_close(derivatives.image_gradient(with_it).flatten(2).mean(2), wanted, rtol=0.05, atol=5e-3)
    assert metrics.psnr(with_it, ramp) > metrics.psnr(solve_poisson(**options), ramp) + 10


def test_kinds_come_back():
    image = smooth(8, 9)
    gradient, laplacian = derivatives.image_gradient(image), derivatives.image_laplacian(image)
    tensor = solve_poisson(gradient=gradient, steps=2, **SMALL)
    array = solve_poisson(gradient=last(gradient), steps=2, **SMALL)
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(array, last(tensor))
    one = solve_poisson(gradient=gradient[:1], steps=2, **SMALL)
    assert torch.equal(solve_poisson(gradient=gradient[0], steps=2, **SMALL), one[0])
    one = solve_poisson(laplacian=laplacian[:1], steps=2, **SMALL)
    np.testing.assert_array_equal(solve_poisson(laplacian=laplacian[0].numpy(), steps=2, **SMALL), one[0])
    assert solve_poisson(laplacian=laplacian.double(), steps=2, **SMALL).dtype == torch.float64
    swapped = solve_poisson(laplacian=last(laplacian).astype(">f8"), steps=2, **SMALL)
    assert swapped.dtype == np.float64
    np.testing.assert_array_equal(swapped, last(solve_poisson(laplacian=laplacian, steps=2, **SMALL)))


def test_arrays_of_any_layout_and_targets_with_a_graph():
    gradient = derivatives.image_gradient(smooth(8, 9))
    expected = solve_poisson(gradient=gradient, mean=0.5, steps=3, **SMALL)
    array = np.ascontiguousarray(last(gradient)[:, ::-1])[:, ::-1]
    array.flags.writeable = False
    np.testing.assert_array_equal(solve_poisson(gradient=array, mean=0.5, steps=3, **SMALL), last(expected))
    leaf = gradient.clone().requires_grad_(True)
    found = solve_poisson(gradient=leaf, mean=torch.tensor(0.5, requires_grad=True), steps=3, **SMALL)
    assert torch.equal(found, expected)
    assert leaf.grad is None


@pytest.mark.parametrize("shape", [(1, 1, 9), (2, 9, 1), (3, 1, 1)])
def test_thin_pictures(shape):
    image = torch.stack([torch.linspace(0.2, 0.7, max(shape[1:])) ** (1 + c) for c in range(shape[0])]).reshape(shape)
    for name, target in targets(image).items():
        found = solve_poisson(**{name: target}, mean=image.mean((1, 2)), steps=60, **QUICK)
        assert found.shape == shape
        assert metrics.psnr(found, image) > 40


def test_a_call_repeats_itself_and_a_generator_changes_it():
    gradient = derivatives.image_gradient(smooth(8, 9))
    a, b, c = (
        solve_poisson(gradient=gradient, steps=3, generator=g, **SMALL)
        for g in (None, None, torch.Generator().manual_seed(5))
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_omega_is_that_of_the_image():
    image = picture(40, 56)
    for name, target in targets(image).items():
        fit = solve_poisson(**{name: target}, steps=1, return_fit=True, **SMALL)
        assert fit.model.first_omega_0 == pytest.approx(
            omega.omega_star(image), rel={"gradient": 0.35, "laplacian": 1e-4}[name]
        )
    fit = solve_poisson(gradient=targets(image)["gradient"], steps=1, activation="relu", return_fit=True, **SMALL)
    assert fit.model.first_omega_0 == 30
    assert (
        solve_poisson(laplacian=torch.zeros(1, 4, 4), steps=1, return_fit=True, **SMALL).model.first_omega_0
        == omega.MINIMUM
    )


def test_the_psnr_is_that_of_the_matched_derivative():
    image = smooth()
    gradient = derivatives.image_gradient(image)
    fit = solve_poisson(gradient=gradient, mean=0.5, steps=40, return_fit=True, **QUICK)
    found = derivatives.image_gradient(fit.reconstruction)
    assert fit.psnr == pytest.approx(-10 * torch.log10((found - gradient).square().mean()).item(), abs=1e-3)
    assert fit.psnr > fit.history[0].psnr + 10
    assert [e.step for e in fit.history] == list(range(1, 41))


@pytest.mark.parametrize(
    ("options", "lr"),
    [({}, 5e-4), ({"method": "analytical"}, 1e-4), ({"activation": "relu"}, 1e-4)],
)
def test_the_papers_recipe(options, lr, monkeypatch):
    seen = []
    monkeypatch.setattr(torch.optim, "Adam", spy(torch.optim.Adam, seen))
    gradient = derivatives.image_gradient(smooth(6, 7))
    fit = solve_poisson(gradient=gradient, recipe="paper", steps=2, return_fit=True, **{**SMALL, **options})
    assert [e.lr for e in fit.history] == [lr, lr]
    assert seen == [{"lr": lr}]


def test_optimizers_callbacks_and_corners():
    fit = solve_poisson(
        laplacian=torch.zeros(1, 5, 6),
        optimizer=optimizers.adam(1.25e-4),
        scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5),
        callback=lambda progress: progress.entry.step == 3,
        align_corners=True,
        steps=9,
        return_fit=True,
        **SMALL,
    )
    assert [e.lr for e in fit.history] == pytest.approx([1.25e-4, 6.25e-5, 3.125e-5])
    assert fit.stopped
    assert fit.align_corners


# ---- Laplacian of a gradient


@pytest.mark.parametrize("shape", [(32, 32), (24, 40), (33, 47)])
def test_laplacian_of_gradient_on_band_limited_images(shape):
    # Cosines that are mirrored at the borders of the cells, as the transform mirrors the gradient.
    y, x = (torch.arange(n, dtype=torch.float64) + 0.5 for n in shape)
    waves = [(1, 2), (3, 0), (0, 4), (5, 3)]
    image = sum(
        torch.cos(torch.pi * i * y / shape[0])[:, None] * torch.cos(torch.pi * j * x / shape[1]) for i, j in waves
    )[None]
    expected = derivatives.image_laplacian(image)
    found = laplacian_of_gradient(derivatives.image_gradient(image))
    assert found.dtype == image.dtype
    assert (found - expected)[:, 2:-2, 2:-2].abs().max() < 0.02 * expected.abs().max()


def test_laplacian_of_gradient_of_a_constant():
    assert torch.equal(laplacian_of_gradient(torch.zeros(2, 2, 5, 6)), torch.zeros(2, 5, 6))


# ---- errors

GRADIENT = torch.zeros(2, 2, 4, 5)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, ValueError, "give either gradient= or laplacian=, exactly one of them"),
        ({"laplacian": GRADIENT[0], "device": "nowhere"}, ValueError, 'device="nowhere" cannot be used here'),
        ({"gradient": GRADIENT, "laplacian": GRADIENT[0]}, ValueError, "exactly one of them"),
        ({"gradient": [[0.0]]}, TypeError, "gradient must be a tensor or an array, got list"),
        (
            {"gradient": GRADIENT.long()},
            TypeError,
            r"gradient must be floating point \(derivatives have signs\), got torch.int64",
        ),
        ({"laplacian": np.zeros((4, 5), np.uint8)}, TypeError, "laplacian must be floating point"),
        (
            {"gradient": torch.zeros(3, 4, 5)},
            ValueError,
            r"gradient must have shape \(C, 2, H, W\) or \(2, H, W\) .* got \(3, 4, 5\)",
        ),
        ({"laplacian": torch.zeros(4)}, ValueError, r"laplacian must have shape \(C, H, W\) or \(H, W\)"),
        ({"laplacian": torch.zeros(1, 0, 5)}, ValueError, "with at least one pixel"),
        (
            {"laplacian": torch.full((4, 5), float("nan"))},
            ValueError,
            "laplacian has NaN or infinite values: replace them first",
        ),
        ({"gradient": GRADIENT, "method": "exact"}, ValueError, "method='exact' is unknown"),
        (
            {"gradient": GRADIENT, "recipe": "best"},
            ValueError,
            r"recipe='best' is unknown: use one of \['fast', 'paper', 'published', 'whole'\] or a callable",
        ),
        (
            {"gradient": GRADIENT, "mean": [0.1, 0.2, 0.3]},
            ValueError,
            r"mean must be a number or have shape \(2,\), got \[0.1",
        ),
        ({"gradient": GRADIENT, "mean": "dark"}, ValueError, "mean must be a number"),
        ({"gradient": GRADIENT, "mean": float("nan")}, ValueError, "mean must be finite"),
        (
            {"gradient": GRADIENT, "mean_gradient": [1.0, 2.0, 3.0]},
            ValueError,
            r"mean_gradient must be a number or have shape \(2, 2\)",
        ),
        ({"gradient": GRADIENT, "steps": 0}, ValueError, "steps must be >= 1, got 0"),
        ({"gradient": GRADIENT, "steps": 1.5}, TypeError, "steps must be an integer"),
        ({"gradient": GRADIENT, "omega_0": -1.0}, ValueError, "first_omega_0 must be a finite number > 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors(options, error, text):
    with pytest.raises(error, match=text):
        solve_poisson(**options)


def test_the_laplacian_gives_the_picture_and_not_only_its_details():
    image = smooth()
    options = {"laplacian": targets(image)["laplacian"], "mean": image.mean((1, 2)), "steps": 150, **QUICK}
    assert metrics.psnr(solve_poisson(**options), image) > 35
    assert metrics.psnr(solve_poisson(**options), image) > metrics.psnr(solve_poisson(recipe="paper", **options), image)


def test_the_boundary_settles_the_mean():
    image = smooth()
    for name, target in targets(image).items():
        hollow = image.clone()
        hollow[:, 1:-1, 1:-1] = torch.nan  # only the ring is read
        found = solve_poisson(**{name: target}, boundary=hollow, steps=150, **QUICK)
        assert metrics.psnr(found, image) > 30
    laplacian, options = targets(image)["laplacian"], {"steps": 2, **SMALL}
    flat = solve_poisson(laplacian=laplacian[0], boundary=hollow[0], **options)
    assert torch.equal(flat, solve_poisson(laplacian=laplacian[:1], boundary=image[:1], **options)[0])
    array = solve_poisson(laplacian=laplacian[0].numpy(), boundary=image[0].numpy(), **options)
    np.testing.assert_array_equal(array, flat)


def test_with_a_boundary_the_mean_is_still_exact():
    image = smooth()
    found = solve_poisson(gradient=targets(image)["gradient"], boundary=image, mean=0.4, steps=3, **SMALL)
    torch.testing.assert_close(found.mean((1, 2)), torch.full((2,), 0.4), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("boundary", "error", "says"),
    [
        (torch.zeros(2, 16, 19), ValueError, "shape"),
        (torch.zeros(16, 20), ValueError, "shape"),
        (torch.full((2, 16, 20), torch.nan), ValueError, "outermost ring"),
        (torch.zeros(2, 16, 20, dtype=torch.uint8), TypeError, "floating"),
        (0.5, TypeError, "tensor or an array"),
    ],
)
def test_a_boundary_is_checked(boundary, error, says):
    with pytest.raises(error, match=says):
        solve_poisson(laplacian=targets(smooth())["laplacian"], boundary=boundary, steps=1, **SMALL)


# ---- batches, layouts, and what all tasks take alike


def test_a_batch_is_each_of_its_members():
    images = torch.stack([smooth(8, 9, 3), smooth(8, 9, 3).flip(2)])
    means = images.mean((2, 3))
    for name, of in (("gradient", derivatives.image_gradient), ("laplacian", derivatives.image_laplacian)):
        batch = solve_poisson(**{name: of(images)}, mean=means, boundary=images, steps=3, **SMALL)
        for image, mean, found in zip(images, means, batch, strict=True):
            alone = solve_poisson(**{name: of(image)}, mean=mean, boundary=image, steps=3, **SMALL)
            assert torch.equal(found, alone)
    lists = solve_poisson(laplacian=derivatives.image_laplacian(images), mean=means.tolist(), steps=3, **SMALL)
    torch.testing.assert_close(lists.mean((2, 3)), means, rtol=0, atol=1e-6)
    fits = solve_poisson(gradient=derivatives.image_gradient(images), steps=1, return_fit=True, **SMALL)
    assert [len(fit.history) for fit in fits] == [1, 1]
    target = derivatives.image_laplacian(images)
    arrays = solve_poisson(laplacian=np.stack([last(one) for one in target]), steps=1, **SMALL)
    tensors = solve_poisson(laplacian=target, steps=1, **SMALL)
    np.testing.assert_array_equal(arrays, np.stack([last(one) for one in tensors]))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"laplacian": np.zeros((3, 40, 50), np.float32)}, ValueError, "channels on the wrong side"),
        ({"gradient": np.zeros((3, 2, 40, 50), np.float32)}, ValueError, r"\(H, W, C, 2\).*torch.from_numpy"),
        ({"laplacian": "photo.png"}, TypeError, r"laplacian must be a tensor or an array, got str: take siren_sr\."),
        ({"laplacian": torch.zeros(0, 1, 4, 5)}, ValueError, "the batch is empty"),
        ({"laplacian": torch.zeros(4, 5), "generator": 3}, TypeError, "generator must be a torch.Generator, got int"),
        ({"laplacian": torch.zeros(4, 5), "callback": 3}, TypeError, "callback must be a callable, Progress -> bool"),
        ({"laplacian": torch.zeros(4, 5), "recipe": 3}, TypeError, "recipe must be a name or a callable"),
        ({"laplacian": torch.zeros(4, 5), "omega_0": "sharpness"}, ValueError, "unknown measure 'sharpness'"),
        ({"laplacian": torch.zeros(4, 5), "return_fit": "yes"}, TypeError, "return_fit must be True or False"),
        ({"laplacian": torch.zeros(3, 2, 4, 5)}, ValueError, "may be a gradient: pass it as gradient="),
        (
            {"laplacian": torch.zeros(2, 3, 4, 5), "mean": torch.zeros(3, 3)},
            ValueError,
            "mean holds 3 for a batch of 2: give one for all, or one for each",
        ),
        ({"laplacian": torch.zeros(2, 3, 4, 5), "boundary": torch.zeros(1, 3, 4, 5)}, ValueError, "boundary holds 1"),
        ({"laplacian": torch.zeros(2, 7), "method": "analytical"}, ValueError, 'at least 3 samples .* or method="num'),
        (
            {"laplacian": torch.zeros(4, 5), "recipe": lambda **kind: 3},
            TypeError,
            "recipe must return a Recipe, got int",
        ),
    ],
    ids=str,
)
def test_what_is_refused_with_a_reason(options, error, text):
    with pytest.raises(error, match=text):
        solve_poisson(**options)


@pytest.mark.parametrize("name", ["gradient", "laplacian"])
def test_measures_of_omega_see_the_image_behind_the_target(name):
    image = picture(24, 32)

    def found(omega_0):
        options = {"omega_0": omega_0, "steps": 1, "return_fit": True}
        return solve_poisson(**{name: targets(image)[name]}, **options, **SMALL).model.first_omega_0

    # The border of a gradient is known less well than that of a Laplacian.
    tolerance = {"gradient": 0.2, "laplacian": 0.01}[name]
    assert found("rms_frequency") == pytest.approx(omega.choose(image, "rms_frequency"), rel=tolerance)
    predicted = omega.choose(image, "tangent_kernel", updates=1, hidden_layers=1)
    assert found("tangent_kernel") == pytest.approx(predicted, rel=tolerance)
    assert found(lambda values: 4.0 * len(values)) == 12


def test_the_same_recipes_as_for_signals():
    def gentle(*, dims, hidden_layers, activation):
        return recipes.Recipe(steps=3, optimizer=optimizers.adam(1e-3), scheduler=optimizers.cosine)

    target = derivatives.image_laplacian(smooth(8, 9))
    fit = solve_poisson(laplacian=target, recipe=gentle, return_fit=True, **SMALL)
    assert [entry.lr for entry in fit.history] == pytest.approx([1e-3, 7.5e-4, 2.5e-4])
    for name, lr in (("fast", 1e-3), ("whole", 1e-3), ("published", 5e-4)):
        fit = solve_poisson(laplacian=target, recipe=name, steps=np.int64(2), return_fit=True, **SMALL)
        assert [entry.lr for entry in fit.history] == [lr, pytest.approx(lr if name == "published" else lr / 2)]


def test_a_boundary_from_a_file(tmp_path):
    image = (smooth(8, 9, 3) * 255).round() / 255
    pil = Image.fromarray(eight_bit(image))
    pil.save(tmp_path / "image.png")
    target = derivatives.image_laplacian(image)
    tensor, path, given = (
        solve_poisson(laplacian=target, boundary=boundary, optimizer=optimizers.adam(1e-3), steps=3, **SMALL)
        for boundary in (image, tmp_path / "image.png", pil)
    )
    assert torch.equal(path, given)
    torch.testing.assert_close(path, tensor, rtol=0, atol=1e-4)
