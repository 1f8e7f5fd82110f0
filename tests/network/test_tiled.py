import itertools
import math

import numpy as np
import pytest
import torch
from problems import picture

from siren_sr import Fit, fit_signal
from siren_sr.derivatives.exact import value_and_derivatives
from siren_sr.fitting import task, tiles
from siren_sr.fitting.tiles import TileRecipe, tile_omega
from siren_sr.grids import coordinates
from siren_sr.network.tiled import TiledSiren
from siren_sr.training.progress import Monitor

QUICK = TileRecipe(tile=12, margin=2, hidden_features=16, steps=4)


def small(shape, channels=2, boundary="mirror"):
    """Tiles with random weights."""
    model = TiledSiren(
        shape,
        channels,
        tile=6,
        margin=1,
        hidden_features=8,
        boundary=boundary,
        generator=torch.Generator().manual_seed(0),
        like=torch.empty(0, dtype=torch.float64),
    )
    with torch.no_grad():
        model.networks.weights[-1].normal_(generator=torch.Generator().manual_seed(1))
    return model.requires_grad_(False)


def test_without_steps_the_output_layers_are_solved_for():
    target, calls = picture(40, 36) * 2 - 1, []
    recipe = TileRecipe(tile=8, margin=2, hidden_features=24, first_omega_0=8.0, steps=0)
    found = tiles.fit_tiles(target, recipe, generator=torch.Generator().manual_seed(0), monitor=Monitor(calls.append))
    assert len(list(found.model.tiles())) == 5 * 4  # in two groups
    assert [(p.entry.step, p.steps) for p in calls] == [(1, 2), (2, 2)]
    assert len(found.history) == 2
    # No other output layer fits the first tile better, be it only a little larger or smaller.
    sides = tuple(w.length for w in found.model.windows)
    wanted, points = target[:, : sides[0], : sides[1]].flatten(1).T, coordinates.grid(sides)
    one = found.model.networks.part(slice(0, 1)).requires_grad_(False)

    def error(factor):
        one.weights[-1].mul_(factor)
        result = (wanted - one(points)).square().mean()
        one.weights[-1].div_(factor)
        return result

    assert error(1.0) < 0.1 * wanted.square().mean()
    assert error(1.0) < min(error(0.99), error(1.01))


@pytest.mark.parametrize("shape", [(20,), (13, 20), (9, 7, 13)])
def test_points_and_grids_agree(shape):
    model = small(shape)
    axes = coordinates.axes(shape, size=[n + 3 for n in shape], dtype=torch.float64)
    grid = model.on_grid(axes)
    points = coordinates.points(axes)
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(points[order]), grid.flatten(1).T[order])
    # A tile alone, where no other has a part: the plain network at its own coordinates.
    corner = [w.local(0, a[:1]) for w, a in zip(model.windows, axes, strict=True)]
    expected = model.networks(coordinates.points(corner))[:, :2]
    torch.testing.assert_close(grid[(slice(None), *[slice(1)] * len(shape))].flatten(1).T, expected)


def test_no_seams():
    """The steepest steps of a fine rendering are not at the borders of windows."""
    x, y = torch.linspace(0, 20, 64).view(1, 1, 64), torch.linspace(0, 15, 64).view(1, 64, 1)
    fit = fit_signal(torch.sin(x) * torch.cos(y) / 2 + 0.5, tiles=TileRecipe(tile=16, margin=2, hidden_features=32))
    assert fit.psnr > 40
    jumps = fit.render(scale=4)[0].double().diff(dim=1).abs().amax(0)
    borders = {4 * e for w in fit.model.windows[1:] for s in w.starts for e in (s, s + w.length) if 0 < e < 64}
    at = torch.tensor([any(abs(i + 1 - b) <= 1 for b in borders) for i in range(len(jumps))])
    assert jumps[at].max() <= jumps[~at].max()


SOUND = np.sin(np.linspace(0, 50, 90))
VOLUME = torch.outer(torch.linspace(-1, 1, 9), torch.sin(torch.linspace(0, 6, 14 * 14))).reshape(9, 14, 14)


@pytest.mark.parametrize(
    ("signal", "options", "tiles"),
    [(picture(30, 26), {}, 6), (SOUND, {"sample_rate": 100}, 8), (VOLUME, {"dims": 3}, 1)],
    ids=["image", "sound", "volume"],
)
def test_any_dimension(signal, options, tiles, tmp_path):
    fit = fit_signal(signal, tiles=QUICK, **options)
    assert len(list(fit.model.tiles())) == tiles
    top = fit.data_range
    assert top == pytest.approx(2 * np.abs(SOUND).max() if signal is SOUND else float(signal.max() - signal.min()))
    error = np.square(np.asarray(fit.reconstruction) - np.asarray(signal)).mean()
    assert fit.psnr == pytest.approx(10 * math.log10(top**2 / error), abs=0.01)
    assert fit.psnr > 22
    assert [entry.step for entry in fit.history] == [1, 2, 3, 4]
    fit.save(tmp_path / "tiles.safetensors")
    again = Fit.load(tmp_path / "tiles.safetensors")
    np.testing.assert_array_equal(np.asarray(again.reconstruction), np.asarray(fit.reconstruction))


def test_chosen_by_size(monkeypatch):
    monkeypatch.setattr(task, "ONE_NETWORK_SAMPLES", {1: 100, 2: 600, 3: 100})
    small, large = picture(20, 20), picture(25, 25)
    options = {"steps": 1}
    assert not isinstance(fit_signal(small, **options).model, TiledSiren)
    assert isinstance(fit_signal(large, **options).model, TiledSiren)
    assert not isinstance(fit_signal(large, tiles=False, **options).model, TiledSiren)
    assert not isinstance(fit_signal(large, omega_0=20.0, **options).model, TiledSiren)
    assert isinstance(fit_signal(small, tiles=True, **options).model, TiledSiren)


def test_options_of_one_network_exclude_tiles():
    with pytest.raises(ValueError, match="tiles= excludes omega_0, recipe, options of one network"):
        fit_signal(picture(8, 8), tiles=True, omega_0=10.0, recipe="paper")


@pytest.mark.parametrize("step", [6, 4])  # within a group, and at the end of one
def test_a_callback_stops(step):
    whole = fit_signal(picture(60, 60), tiles=QUICK).render()
    fit = fit_signal(picture(60, 60), tiles=QUICK, callback=lambda p: p.entry.step == step)
    assert fit.stopped
    assert len(fit.history) == step
    # The first group of 16 has three of the five rows of tiles, which begin at 0, 11, 22, 33 and 44.
    assert torch.equal(fit.render()[:, :33], whole[:, :33])
    untouched = torch.full((3, 11, 60), 0.5)
    assert torch.equal(fit.render()[:, 49:], untouched) == (step == 4)


def test_progress_counts_all_groups():
    seen = []
    fit_signal(picture(60, 60), tiles=QUICK, callback=lambda p: seen.append(p))
    assert [(p.entry.step, p.steps) for p in seen] == [(i, 2 * 4) for i in range(1, 9)]
    assert all(a.entry.seconds <= b.entry.seconds for a, b in itertools.pairwise(seen))


def test_tile_omega_ignores_contrast_offset_and_resolution():
    x = torch.linspace(-1, 1, 400)
    wave = torch.sin(12 * x).view(1, 1, -1)
    omega = float(tile_omega(wave))
    assert omega == pytest.approx(3 * 12, rel=0.1)
    assert float(tile_omega(0.1 * wave + 0.5)) == pytest.approx(omega, rel=1e-2)
    assert float(tile_omega(wave[..., ::4])) == pytest.approx(omega, rel=0.05)
    assert float(tile_omega(torch.zeros(1, 1, 9))) == 4.0


def test_tiles_that_only_touch_have_no_holes():
    fit = fit_signal(picture(24, 24), tiles=tiles.TileRecipe(tile=12, margin=0, hidden_features=16, steps=2))
    values = fit.render(size=(25, 25))  # among the points are those on the borders of the tiles
    assert bool(torch.isfinite(values).all())


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tile": 0}, ValueError, "TileRecipe: tile must be >= 1, got 0"),
        ({"steps": -1}, ValueError, "TileRecipe: steps must be >= 0, got -1"),
        ({"margin": 1.5}, TypeError, "TileRecipe: margin must be an integer >= 0"),
        ({"lr": 0.0}, ValueError, "TileRecipe: lr must be a positive finite number"),
        ({"batch": 0}, ValueError, "TileRecipe: batch must be >= 1"),
    ],
    ids=str,
)
def test_recipes_of_tiles_are_checked(options, error, text):
    with pytest.raises(error, match=text):
        tiles.TileRecipe(**options)


@pytest.mark.parametrize(("shape", "boundary"), [((20,), "wrap"), ((4,), "wrap"), ((13, 20), ("mirror", "wrap"))])
def test_tiles_that_wrap_are_periodic_with_all_derivatives(shape, boundary):
    model = small(shape, boundary=boundary)
    points = coordinates.grid([n + 3 for n in shape], dtype=torch.float64)
    further = points.clone()
    further[:, 0] += 2
    for here, there in zip(
        value_and_derivatives(model, points, order=2), value_and_derivatives(model, further, order=2), strict=True
    ):
        torch.testing.assert_close(here, there, rtol=1e-6, atol=1e-8)
    rebuilt = TiledSiren.from_config(model.config(), like=points)
    rebuilt.load_state_dict(model.state_dict())
    assert torch.equal(rebuilt(further), model(further))
    shapes = dict(TiledSiren.state_shapes(model.config()))
    assert shapes == {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
