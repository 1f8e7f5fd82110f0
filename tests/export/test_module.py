"""A fit as a module: the same values, recorded by `torch.export`, with gradients."""

import pytest
import torch
from pointwise import on_own_grid

from siren_sr import Siren
from siren_sr.export import FitModule

FREE = {"coords": {0: torch.export.Dim("points")}}


def test_a_module_is_the_fit(fit):
    points, expected = on_own_grid(fit, 1.7)
    with torch.no_grad():
        found = FitModule(fit)(points)
    unit = fit.data_range or 1.0
    torch.testing.assert_close(found / unit, expected.to(found) / unit, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["image", "one tile", "wrapping base"])
def test_torch_export_records_a_fit(kind, fit_of, tmp_path):
    fit = fit_of(kind)
    module = FitModule(fit)
    points, _ = on_own_grid(fit, 1)
    program = torch.export.export(module, (points[:5],), dynamic_shapes=FREE)
    torch.export.save(program, tmp_path / "a.pt2")
    loaded = torch.export.load(tmp_path / "a.pt2").module()
    for few in (points, points[:3]):
        torch.testing.assert_close(loaded(few), module(few), rtol=0, atol=1e-5 * fit.data_range)


@pytest.mark.parametrize("activation", ["sine", "relu"])
def test_torch_export_records_a_network(activation):
    model = Siren(2, 3, hidden_features=16, activation=activation, generator=torch.Generator().manual_seed(0))
    points = torch.rand(9, 2, generator=torch.Generator().manual_seed(1))
    program = torch.export.export(model, (points[:4],), dynamic_shapes=FREE)
    torch.testing.assert_close(program.module()(points), model(points))


def test_gradients_pass_through_tiles_and_base(fit_of):
    for kind in ("tiles", "base"):
        fit = fit_of(kind)
        module = FitModule(fit)
        points = torch.tensor([[0.21, -0.3], [-0.64, 0.5]], requires_grad=True)
        (gradient,) = torch.autograd.grad(module(points).sum(), points)
        for axis in range(2):
            step = torch.zeros(2)
            step[axis] = 1e-3
            with torch.no_grad():
                slope = (module(points + step) - module(points - step)).sum(1) / 2e-3
            torch.testing.assert_close(gradient[:, axis], slope, rtol=0.02, atol=0.02 * float(slope.abs().max()))


def test_no_fit_is_refused():
    with pytest.raises(TypeError, match="made of a Fit, got Siren"):
        FitModule(Siren(1, 1))  # pyright: ignore
