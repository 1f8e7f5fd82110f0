import functools
import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image
from problems import SMALL, eight_bit, picture, spy, whole
from torch.optim.lr_scheduler import ExponentialLR

from siren_sr import fit_signal, metrics, omega
from siren_sr.fitting.task import audio_hidden_layers
from siren_sr.training import objectives, optimizers
from siren_sr.training.recipes import RECIPES, Recipe

QUICK = {**SMALL, "optimizer": optimizers.adam(5e-3)}


def wave(samples=256, channels=1):
    t = torch.linspace(0, 1, samples)
    return torch.stack([torch.sin(2 * torch.pi * (4 + c) * t) * 0.7 for c in range(channels)])


# ---- what is fitted


@pytest.mark.parametrize(
    ("image", "bound"),
    [
        (picture(16, 20, 1), 25),
        (picture(16, 20, 1)[0], 25),
        (picture(16, 20, 3), 23),
        (torch.cat([picture(16, 20, 3), picture(16, 20, 1)]), 23),
        (picture(7, 33, 3), 23),
        (picture(40, 1, 3), 23),
        (picture(1, 40, 3), 23),
        (picture(12, 14, 2).double(), 23),
    ],
    ids=["gray", "without channels", "rgb", "rgba", "odd aspect", "one column", "one row", "float64"],
)
def test_images(image, bound):
    fit = fit_signal(image, steps=80, **QUICK)
    assert fit.psnr > bound
    assert fit.psnr > fit.history[0].psnr + 10
    found = fit.reconstruction
    assert (found.shape, found.dtype) == (image.shape, image.dtype)
    assert metrics.psnr(found, image) >= fit.psnr - 1e-3  # what lies outside [0, 1] is clipped
    assert fit.render(scale=2).shape == (*image.shape[:-2], 2 * image.shape[-2], 2 * image.shape[-1])


def test_one_pixel():
    fit = fit_signal(torch.full((3, 1, 1), 0.75), steps=60, **QUICK)
    torch.testing.assert_close(fit.reconstruction, torch.full((3, 1, 1), 0.75), rtol=0, atol=0.02)


@pytest.mark.parametrize("channels", [1, 2])
def test_sounds(channels):
    samples = wave(channels=channels)
    fit = fit_signal(samples, sample_rate=60, steps=80, **QUICK)
    assert fit.model.first_omega_0 == 60
    assert fit.origin.sample_rate == 60
    assert fit.psnr > 25
    assert fit.reconstruction.shape == samples.shape
    array = fit_signal(samples.T.numpy(), sample_rate=60, steps=80, **QUICK)
    np.testing.assert_allclose(array.reconstruction, fit.reconstruction.T, rtol=0, atol=1e-6)


def test_volumes():
    axis = torch.linspace(-1, 1, 8)
    volume = torch.sin(2 * axis[:, None, None] + axis[:, None]) * axis * 100
    fit = fit_signal(volume, dims=3, steps=80, omega_0=3.0, **QUICK)
    assert fit.model.in_features == 3
    assert fit.psnr > 25
    assert fit.reconstruction.shape == (8, 8, 8)
    assert fit_signal(volume, dims=3, steps=1, **SMALL).model.first_omega_0 == pytest.approx(
        omega.choose(volume, dims=3, updates=1, hidden_layers=1), rel=1e-5
    )


def test_a_batch_is_a_list_of_fits():
    batch = torch.stack([picture(6, 7), picture(6, 7).flip(-1)])
    fits = fit_signal(batch, steps=3, **SMALL)
    assert len(fits) == 2
    for fit, image in zip(fits, batch, strict=True):
        alone = fit_signal(image, steps=3, **SMALL)
        assert torch.equal(fit.reconstruction, alone.reconstruction)
    arrays = fit_signal(batch.movedim(1, -1).numpy(), steps=3, **SMALL)
    assert [f.reconstruction.shape for f in arrays] == [(6, 7, 3)] * 2
    with pytest.raises(ValueError, match="the batch is empty"):
        fit_signal(batch[:0])


def test_paths(tmp_path):
    levels = eight_bit(picture(6, 8))
    Image.fromarray(levels).save(tmp_path / "a.png")
    fit = fit_signal(tmp_path / "a.png", steps=2, **SMALL)
    np.testing.assert_array_equal(fit.render(scale=3), fit_signal(levels, steps=2, **SMALL).render(scale=3))


# ---- PSNR


def test_the_psnr_is_that_of_the_reconstruction():
    image = 0.2 + 0.6 * picture(12, 14)  # far from where it would be clipped
    fit = fit_signal(image, steps=60, **QUICK)
    assert fit.reconstruction.min() > 0
    assert fit.reconstruction.max() < 1
    data_range = float(image.max() - image.min())
    assert fit.data_range == pytest.approx(data_range)
    assert fit.psnr == pytest.approx(metrics.psnr(fit.reconstruction, image, data_range=data_range), abs=1e-3)


def test_the_psnr_of_a_sound_is_in_its_range():
    samples = wave() * 5
    fit = fit_signal(samples, sample_rate=60, steps=20, **QUICK)
    assert fit.psnr == pytest.approx(
        metrics.psnr(fit.reconstruction, samples, data_range=2 * float(samples.abs().max())), abs=1e-3
    )


def test_the_history_is_of_the_network_before_each_step():
    seen = []
    options = {"omega_0": 9, "scheduler": optimizers.reduce_on_plateau(patience=9), **SMALL}
    fit = fit_signal(picture(6, 7), steps=4, callback=lambda p: seen.append(p.entry), **options)
    assert tuple(seen) == fit.history
    assert [e.step for e in seen] == [1, 2, 3, 4]
    for steps in (1, 3):
        assert fit.history[steps].psnr == pytest.approx(fit_signal(picture(6, 7), steps=steps, **options).psnr)


# ---- determinism


def test_a_call_repeats_itself_and_a_generator_changes_it():
    a, b = (fit_signal(picture(6, 7), steps=5, **SMALL) for _ in range(2))
    for key, value in a.model.state_dict().items():
        assert torch.equal(value, b.model.state_dict()[key])
    assert [(e.loss, e.psnr) for e in a.history] == [(e.loss, e.psnr) for e in b.history]
    c, d = (fit_signal(picture(6, 7), steps=5, generator=torch.Generator().manual_seed(7), **SMALL) for _ in range(2))
    assert torch.equal(c.reconstruction, d.reconstruction)
    assert not torch.equal(a.reconstruction, c.reconstruction)
    zero = fit_signal(picture(6, 7), steps=5, generator=torch.Generator().manual_seed(0), **SMALL)
    assert torch.equal(a.reconstruction, zero.reconstruction)


# ---- omega0


def test_the_default_omega():
    image = picture(20, 30)

    def found(signal, **options):
        return fit_signal(signal, **{"steps": 1, **SMALL, **options}).model.first_omega_0

    for steps in (2, 5):
        expected = omega.choose(image, updates=steps, hidden_layers=1)
        assert found(image, steps=steps) == found(image, steps=steps, omega_0="tangent_kernel")
        assert found(image, steps=steps) == pytest.approx(expected, rel=1e-5)
    # 600 samples in batches of about 50 are 12 updates a step
    assert found(image, batch=50, omega_0="tangent_kernel") == pytest.approx(
        omega.choose(image, updates=12, hidden_layers=1), rel=1e-5
    )
    for other in ({"recipe": "paper"}, {"optimizer": optimizers.adam(1e-3)}, {"batch": 50}):
        assert found(image, **other) == pytest.approx(omega.omega_star(whole(image)), rel=1e-4)
        assert found(wave(), sample_rate=11025, **other) == 11025
    assert found(image, activation="relu") == 30
    assert fit_signal(torch.full((1, 5, 6), 0.5), steps=1, **SMALL).model.first_omega_0 == omega.MINIMUM


def test_other_omegas():
    def found(omega_0):
        return fit_signal(picture(), steps=1, omega_0=omega_0, **SMALL).model.first_omega_0

    assert found(12) == found(12.0) == found(np.float32(12)) == 12
    assert found("tenengrad") == pytest.approx(omega.choose(picture(), "tenengrad"), rel=1e-5)
    assert found(lambda values: 4.0 * len(values)) == 12
    for wrong, error, text in (
        ("sharpness", ValueError, "unknown measure 'sharpness'"),
        (True, TypeError, "must be a name or a function"),
    ):
        with pytest.raises(error, match=text):
            found(wrong)


# ---- depth and recipe


@pytest.mark.parametrize(
    ("samples", "channels", "layers"),
    [(100, 1, 1), (109226, 1, 1), (109227, 1, 2), (54614, 2, 2), (10**7, 1, 5)],
)
def test_depth_of_sounds(samples, channels, layers):
    assert audio_hidden_layers(samples, channels) == layers


def test_default_depths():
    assert fit_signal(wave(), sample_rate=60, steps=1, hidden_features=8).model.hidden_layers == 1
    assert fit_signal(picture(6, 7), steps=1, hidden_features=8).model.hidden_layers == 2


@pytest.mark.parametrize(
    ("signal", "options", "lr", "patience", "steps"),
    [
        (picture(6, 7), {"hidden_layers": 2}, 5e-4, 20, 5000),
        (picture(6, 7), {"hidden_layers": 3, "activation": "relu"}, 1e-4, 30, 5000),
        (wave(), {"hidden_layers": 4, "sample_rate": 60}, 1e-4, 40, 500),
    ],
    ids=["sine", "relu", "audio"],
)
def test_the_papers_recipe(signal, options, lr, patience, steps, monkeypatch):
    adams, plateaus, planned = [], [], []
    monkeypatch.setattr(torch.optim, "Adam", spy(torch.optim.Adam, adams))
    monkeypatch.setattr(optimizers, "ReduceLROnPlateau", PlateauSpy)
    PlateauSpy.seen = plateaus

    def stop(progress):
        planned.append(progress.steps)
        return progress.entry.step == 2

    fit = fit_signal(signal, recipe="paper", hidden_features=8, callback=stop, **options)
    assert adams == [{"lr": lr}]
    assert plateaus == [{"mode": "min", "factor": 0.6, "patience": patience}]
    assert planned == [steps, steps]
    assert [e.lr for e in fit.history] == [lr, lr]
    assert fit.stopped


class PlateauSpy(torch.optim.lr_scheduler.ReduceLROnPlateau):
    seen: list

    def __init__(self, optimizer, **options):
        self.seen.append(options)
        super().__init__(optimizer, **options)


def test_the_papers_schedule_lowers_the_rate_on_a_plateau():
    def constant(target):
        return lambda field: 1.0 + 0 * field.values.sum()

    fit = fit_signal(picture(3, 4, 1), recipe="paper", hidden_features=4, steps=44, objective=constant)
    assert [e.lr for e in fit.history] == pytest.approx([5e-4] * 22 + [3e-4] * 21 + [1.8e-4])


@pytest.mark.parametrize(
    ("sample_rate", "layers", "patience"), [(None, 2, 100), (None, 12, 120), (60, 12, 100), (60, 3, 30)]
)
def test_the_published_patience(sample_rate, layers, patience):
    recipe = RECIPES["published"](dims=2 if sample_rate is None else 1, hidden_layers=layers, activation="sine")
    optimizer = recipe.optimizer([torch.zeros(1, requires_grad=True)])
    assert recipe.scheduler(10)(optimizer).patience == patience


def test_the_fast_recipe_decays_exponentially():
    fit = fit_signal(picture(4, 5), steps=4, **SMALL)
    rates = [e.lr for e in fit.history]
    factors = [b / a for a, b in itertools.pairwise(rates)]
    assert rates[0] == 8e-4
    assert factors == pytest.approx([factors[0]] * 3)
    assert factors[0] ** 4 == pytest.approx(0.005)


def test_factories_are_used():
    fit = fit_signal(
        picture(4, 5),
        steps=3,
        optimizer=functools.partial(torch.optim.SGD, lr=0.5),
        scheduler=lambda optimizer: ExponentialLR(optimizer, 0.1),
        objective=functools.partial(objectives.spectrum, alpha=10.0),
        **SMALL,
    )
    assert [e.lr for e in fit.history] == pytest.approx([0.5, 0.05, 0.005])
    plain = fit_signal(picture(4, 5), steps=3, **SMALL)
    assert fit.history[0].loss > plain.history[0].loss
    assert fit_signal(picture(4, 5), steps=1, objective="mse_fft", **SMALL).history[0].loss < fit.history[0].loss


def test_a_recipe_of_ones_own():
    def mine(*, dims, hidden_layers, activation):
        assert (dims, hidden_layers, activation) == (2, 1, "sine")
        return Recipe(3, optimizers.adam(0.25e-3), lambda steps: None)

    fit = fit_signal(picture(4, 5), recipe=mine, **SMALL)
    assert [e.lr for e in fit.history] == [0.25e-3] * 3
    assert not fit.stopped


def test_the_network_is_as_asked():
    fit = fit_signal(
        picture(4, 5),
        steps=1,
        hidden_features=9,
        hidden_layers=3,
        hidden_omega_0=12,
        first_init="he",
        hidden_init="xavier",
        align_corners=True,
    )
    config = fit.model.config()
    expected = {
        "hidden_features": 9,
        "hidden_layers": 3,
        "hidden_omega_0": 12,
        "first_init": "he",
        "hidden_init": "xavier",
    }
    assert {key: config[key] for key in expected} == expected
    assert fit.align_corners
    assert not fit.model.training


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"steps": 0}, ValueError, "steps must be >= 1, got 0"),
        ({"steps": 2.0}, TypeError, "steps must be an integer >= 1, got 2.0"),
        ({"steps": True}, TypeError, "steps must be an integer >= 1, got True"),
        (
            {"recipe": "quick"},
            ValueError,
            r"recipe='quick' is unknown: use one of \['fast', 'paper', 'published', 'whole'\] or a callable",
        ),
        (
            {"objective": "mae"},
            ValueError,
            r"objective='mae' is unknown: use one of \['mse', 'mse_fft', 'mse_stft'\] or a function of the target",
        ),
        ({"objective": 3}, TypeError, "objective must be a name or a function of the target, got int"),
        ({"activation": "gelu"}, ValueError, "activation='gelu' is unknown"),
        ({"hidden_features": 0}, ValueError, "hidden_features must be >= 1"),
        ({"sample_rate": -1}, ValueError, "sample_rate must be a positive number"),
        ({"omega_0": float("inf")}, ValueError, "first_omega_0 must be a finite number > 0"),
        ({"device": "nowhere"}, ValueError, 'device="nowhere" cannot be used here'),
    ],
    ids=str,
)
def test_errors(options, error, text):
    with pytest.raises(error, match=text):
        fit_signal(picture(6, 7), **options)


@pytest.mark.filterwarnings("ignore::siren_sr.training.DivergenceWarning")
def test_divergence_says_what_to_do():
    with pytest.raises(ValueError, match=r"the loss became .* at step .*: lower the learning rate"):
        fit_signal(
            picture(6, 7),
            steps=50,
            optimizer=functools.partial(torch.optim.SGD, lr=1e30),
            activation="relu",
            **SMALL,
        )


def test_bf16():
    options = {**SMALL, "steps": 20, "batch": 64, "optimizer": optimizers.adam(5e-3)}
    rounded, exact = (fit_signal(picture(12, 14), precision=p, **options) for p in ("bf16", None))
    assert rounded.psnr != exact.psnr
    assert rounded.psnr == pytest.approx(exact.psnr, abs=2)
    with pytest.raises(ValueError, match="precision='fp8' is unknown"):
        fit_signal(picture(4, 5), precision="fp8", **SMALL)
    with pytest.raises(ValueError, match="precision='bf16' is for plain sine networks"):
        fit_signal(picture(4, 5), precision="bf16", activation="relu", **SMALL)


# ---- scale and offset


@pytest.mark.parametrize(("scale", "offset"), [(0.02, 0.0), (3.0, 5.0), (1e-20, 0.0), (255.0, 0.0)])
@pytest.mark.parametrize(
    ("signal", "options"),
    [
        (picture(16, 20), {}),
        (picture(16, 20), {"omega_0": "laplacian_variance"}),
        (torch.sin(torch.arange(200.0) / 3)[None], {"sample_rate": 8000}),
        (torch.sin(torch.arange(200.0) / 3), {"dims": 1}),
        (picture(16, 20)[0].reshape(4, 4, 20), {"dims": 3}),
    ],
    ids=["image", "omega", "sound", "series", "volume"],
)
def test_results_do_not_depend_on_scale_and_offset(signal, options, scale, offset):
    if "sample_rate" in options and offset:
        pytest.skip("a sound is measured from silence")
    fit = fit_signal(signal.double(), steps=20, **SMALL, **options)
    moved = fit_signal(scale * signal.double() + offset, steps=20, **SMALL, **options)
    assert moved.psnr == pytest.approx(fit.psnr, abs=1e-3)
    assert moved.model.first_omega_0 == pytest.approx(fit.model.first_omega_0, rel=1e-6)
    found, expected = (moved.render(scale=1.5) - offset) / scale, fit.render(scale=1.5)
    assert metrics.psnr(found.clamp(0, 1), expected.clamp(0, 1)) > 80


def test_silence_and_constants_come_back_exactly():
    for data, options in (
        (np.zeros(300, np.float32), {"sample_rate": 8000}),
        (np.full((8, 9), 0.25), {}),
        (np.full((4, 4, 4), 1e16), {"dims": 3}),
    ):
        fit = fit_signal(data, steps=2, **SMALL, **options)
        np.testing.assert_array_equal(fit.reconstruction, data)
        assert fit.psnr == math.inf


def test_integers_are_fitted_in_their_own_range():
    counts = np.array([100, 110, 118, 126] * 50)
    fit = fit_signal(counts, steps=300, **SMALL)
    assert np.abs(fit.reconstruction - counts).max() <= 2
    volume = (np.random.default_rng(0).random((6, 6, 6)) > 0.5).astype(np.int64)
    found = fit_signal(volume, dims=3, steps=300, hidden_features=64, hidden_layers=1).reconstruction
    assert set(np.unique(found)) <= {0, 1}
    assert (found == volume).mean() > 0.99


def test_what_needs_too_much_memory_is_refused_before_it_begins():
    with pytest.raises(ValueError, match=r"of memory are needed to fit it, 1\.0 kB are allowed: fit a part of it"):
        fit_signal(picture(16, 16), max_memory=1e3)
    with pytest.raises(MemoryError):
        fit_signal(picture(16, 16), max_memory=1e3)
    with pytest.raises(ValueError, match="max_memory must be a positive finite number, got 0"):
        fit_signal(picture(16, 16), max_memory=0)
    assert fit_signal(picture(4, 4), max_memory=1e9, **SMALL, steps=1).psnr > 0
