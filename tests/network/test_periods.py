"""Networks whose period is the length of their domain."""

import math

import pytest
import torch
from problems import SMALL, largest_jumps, texture

from siren_sr import Fit, Siren, fit_signal
from siren_sr.derivatives.exact import value_and_derivatives
from siren_sr.network.periods import wrap_

EVERY = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}


@pytest.mark.parametrize("boundary", [("wrap", "wrap"), ("wrap", "mirror"), ("mirror", "wrap")])
@pytest.mark.parametrize("omega_0", [0.5, 3.0, 40.0])
def test_the_network_and_its_derivatives_have_the_period(boundary, omega_0):
    model = Siren(2, 3, first_omega_0=omega_0, **SMALL, **EVERY)
    wrap_(model, boundary)
    points = torch.rand(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    here = value_and_derivatives(model, points, order=2)
    assert (here[1].abs().amax((0, 1)) > 1e-3).all()  # it is constant along no axis
    for coordinate, kind in enumerate(reversed(boundary)):
        further = points.clone()
        further[:, coordinate] += 2
        same = [torch.allclose(a, b) for a, b in zip(here, value_and_derivatives(model, further, order=2), strict=True)]
        assert same == [kind == "wrap"] * 3


def test_where_nothing_wraps_nothing_is_done():
    model, other = Siren(2, 1, **SMALL, **EVERY), Siren(2, 1, **SMALL, **EVERY)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    wrap_(model, ("mirror", "mirror"))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())
    assert other is not model


@pytest.mark.parametrize("tiles", [False, True])
def test_a_fit_of_a_texture_has_no_seam_at_any_size(tiles, tmp_path):
    network = {} if tiles else SMALL
    fit = fit_signal(texture(40, 48), boundary="wrap", tiles=tiles, steps=20, **network)
    fit.save(tmp_path / "texture.safetensors")
    for found in (fit, Fit.load(tmp_path / "texture.safetensors")):
        assert found.boundary == "wrap"
        for scale in (1, 2.5, 4):
            for axis in (1, 2):
                inside, seam = largest_jumps(found.render(scale=scale), axis)
                assert seam <= inside


def test_training_keeps_the_period_and_so_does_resuming(tmp_path):
    image = texture(12, 16)
    fit = fit_signal(image, boundary=("mirror", "wrap"), steps=5, **SMALL)
    fit.save(tmp_path / "texture.safetensors")
    later = Fit.load(tmp_path / "texture.safetensors").resume(image, steps=5)
    first = later.model.layers[0]
    periods = first.weight[:, 0] * later.model.first_omega_0 / math.pi
    torch.testing.assert_close(periods, periods.round(), rtol=0, atol=1e-4)
    assert later.boundary == ("mirror", "wrap")
    assert not torch.equal(later.model.output.weight, fit.model.output.weight)


def test_a_loop_of_sound_has_no_click():
    time = torch.arange(2000) / 2000
    sound = 0.5 * torch.sin(2 * math.pi * 40 * time) + 0.3 * torch.cos(2 * math.pi * 7 * time)
    fit = fit_signal(sound[None], sample_rate=2000, boundary="wrap", steps=20, **SMALL)
    inside, seam = largest_jumps(fit.render(scale=3), 1)
    assert seam <= inside


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"align_corners": True}, "needs pixel centres"),
        ({"activation": "relu"}, 'needs activation="sine"'),
        ({"boundary": ("wrap",) * 3}, "names 3 axes, the grid has 2"),
    ],
)
def test_what_cannot_wrap_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        fit_signal(texture(8, 8), **{"boundary": "wrap", "steps": 1, **options})
