"""ONNX models of fits: another runtime finds the same values, at any points, without this library."""

import json
import sys

import numpy as np
import pytest
import torch
from pointwise import on_own_grid

import siren_sr
from siren_sr import Siren
from siren_sr.network.tiled import TiledSiren

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def session(path):
    return runtime.InferenceSession(path, providers=["CPUExecutionProvider"])


def exported(fit, folder):
    siren_sr.export_onnx(fit, folder / "a.onnx")
    return session(folder / "a.onnx")


def test_the_runtime_renders_the_fit(fit, tmp_path):
    there = exported(fit, tmp_path)
    points, expected = on_own_grid(fit, 1.7)
    (found,) = there.run(None, {"coords": points.numpy()})
    unit = fit.data_range or 1.0
    np.testing.assert_allclose(found / unit, expected.numpy() / unit, rtol=0, atol=1e-5)
    # The number of points is free, and none is a number.
    for few in (0, 1, 7):
        np.testing.assert_allclose(
            there.run(None, {"coords": points[:few].numpy()})[0] / unit, found[:few] / unit, rtol=0, atol=1e-5
        )


def test_what_was_rounded_is_the_rendering(fit_of, tmp_path):
    for name in ("tiles", "base"):
        fit = fit_of(name)
        points, _ = on_own_grid(fit, 2)
        (found,) = exported(fit, tmp_path).run(None, {"coords": points.numpy()})
        rendered = fit.render(scale=2)
        levels = np.abs(found.reshape(rendered.shape).round() - rendered)
        assert levels.max() <= 1
        assert (levels > 0).mean() < 1e-3


@pytest.mark.parametrize("boundary", ["mirror", "wrap"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_beyond_the_edges(boundary, dtype, generator, tmp_path):
    like = torch.empty(0, dtype=dtype)
    tiles = TiledSiren(
        (23, 31), 2, tile=6, margin=1, hidden_features=8, boundary=boundary, generator=generator, like=like
    )
    with torch.no_grad():
        tiles.networks.weights[-1].normal_(generator=generator)
    points = torch.rand(500, 2, generator=generator, dtype=dtype) * 3 - 1.5
    for network in (tiles, Siren(2, 3, hidden_features=16, generator=generator, dtype=dtype)):
        (found,) = exported(network, tmp_path).run(None, {"coords": points.numpy()})
        with torch.no_grad():
            expected = network(points).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 if dtype == torch.float32 else 1e-11)


def test_half_precision_becomes_single(tmp_path):
    network = Siren(2, 1, hidden_features=16, dtype=torch.bfloat16, generator=torch.Generator().manual_seed(0))
    points = torch.rand(9, 2, generator=torch.Generator().manual_seed(1))
    (found,) = exported(network, tmp_path).run(None, {"coords": points.numpy()})
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.float()(points).detach().numpy(), atol=1e-5)


def test_the_file_says_what_it_holds(fit_of, tmp_path):
    siren_sr.export_onnx(fit_of("tiled sound"), tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["coords"] == "[-1, 1], x first"
    assert json.loads(told["shape"]) == [400]
    assert json.loads(told["sample_rate"]) == 8000
    assert json.loads(told["orientation"]) == 1
    (coords,), (values,) = model.graph.input, model.graph.output
    assert [d.dim_param or d.dim_value for d in coords.type.tensor_type.shape.dim] == ["points", 1]
    assert [d.dim_param or d.dim_value for d in values.type.tensor_type.shape.dim] == ["points", 2]
    siren_sr.export_onnx(fit_of("tiled sound"), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_refused(fit_of, tmp_path, monkeypatch):
    fit = fit_of("image")
    with pytest.raises(ValueError, match=r"must end in .onnx, got 'a.pt'"):
        siren_sr.export_onnx(fit, "a.pt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        siren_sr.export_onnx(fit, tmp_path / "nowhere" / "a.onnx")
    with pytest.raises(TypeError, match="a Fit, a Siren or a TiledSiren, got Tensor"):
        siren_sr.export_onnx(torch.zeros(3), tmp_path / "a.onnx")  # pyright: ignore
    with pytest.raises(ValueError, match=r"activation or a forward of your own \('tanh'\)"):
        siren_sr.export_onnx(Siren(1, 1, activation=torch.tanh), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "siren-sr\[export\]"'):
        siren_sr.export_onnx(fit, tmp_path / "a.onnx")
