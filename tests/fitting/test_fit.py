import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from problems import SMALL, eight_bit, picture
from safetensors.torch import load_file, save_file

from siren_sr import Fit, Siren, fit_signal, solve_poisson
from siren_sr.fitting import fit as fit_module
from siren_sr.network.protocol import chunk_size
from siren_sr.signals import Origin
from siren_sr.training.progress import Entry

QUICK = {**SMALL, "steps": 2}
RANGE = {"low": -1.0, "high": 1.0}
IMAGE = Origin("tensor", "float32", channels=True, dims=2, **RANGE)


def untrained(shape=(6, 9), *, channels=2, origin=IMAGE, **options):
    """A fit of known shape, without training."""
    model = Siren(
        len(shape),
        channels,
        hidden_features=16,
        hidden_layers=1,
        first_omega_0=8.0,
        generator=torch.Generator().manual_seed(0),
    )
    history = (Entry(1, 0.5, 12.0, 0.1, 1e-3), Entry(2, 0.25, float("nan"), 0.2, 5e-4, 1))
    return Fit(model=model, history=history, psnr=13.5, shape=shape, origin=origin, **options)


def same(a, b):
    """Equal bit for bit in everything that is saved."""
    assert a.model.config() == b.model.config()
    for key, value in a.model.state_dict().items():
        assert torch.equal(value, b.model.state_dict()[key])
        assert value.dtype == b.model.state_dict()[key].dtype
    for x, y in zip(a.history, b.history, strict=True):  # seconds are not stored; NaN is not equal to itself
        assert str(replace(x, seconds=0.0)) == str(replace(y, seconds=0.0))
    assert (a.base is None) == (b.base is None)
    assert a.base is None or torch.equal(a.base, b.base)
    for name in ("psnr", "shape", "align_corners", "stopped"):
        assert getattr(a, name) == getattr(b, name)
    # A file does not say on which device the user's tensor was.
    assert replace(a.origin, device=None) == replace(b.origin, device=None)
    return True


# ---- rendering


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("base", [None, torch.linspace(-1, 1, 108).reshape(2, 6, 9)])
def test_a_region_is_a_part_of_the_whole(align_corners, base):
    fit = untrained(align_corners=align_corners, base=base)
    whole = fit.render()
    torch.testing.assert_close(fit.render(region=((0, 6), (0, 9))), whole)
    part = fit.render(region=((1, 4), (2, 9)))
    torch.testing.assert_close(part, whole[:, 1:4, 2:9], rtol=0, atol=1e-5)
    if not align_corners:  # samples are cells: also when they are cut into smaller ones
        fine = fit.render(scale=4)
        assert fine.shape == (2, 24, 36)
        torch.testing.assert_close(fit.render(scale=4, region=((1, 4), (2, 9))), fine[:, 4:16, 8:36], rtol=0, atol=1e-5)
        torch.testing.assert_close(
            fit.render(size=(3, 5), region=((0.5, 1.25), (2.25, 3.5))), fine[:, 2:5, 9:14], rtol=0, atol=1e-5
        )


def test_rendering_evaluates_the_network_at_the_pixel_centres():
    fit = untrained((2, 4))
    x = torch.tensor([[-0.75, -0.5], [-0.25, -0.5], [0.25, -0.5], [0.75, -0.5]])
    torch.testing.assert_close(fit.render()[:, 0], fit.model(x).T.detach())
    assert torch.equal(fit.reconstruction, fit.render(scale=1))
    assert torch.equal(fit.render(), fit.render(size=(2, 4)))


def test_a_base_is_added():
    base = torch.linspace(-0.5, 0.5, 108).reshape(2, 6, 9)
    torch.testing.assert_close(untrained(base=base).render(), untrained().render() + base, rtol=0, atol=1e-6)


def test_scales_per_axis_and_sizes():
    fit = untrained()
    for size, found in (((12, 5), fit.render(scale=(2, 0.5))), ((1, 30), fit.render(size=(1, 30)))):
        rows, columns = ((2 * torch.arange(n) + 1) / n - 1 for n in size)
        expected = fit.model(torch.cartesian_prod(rows, columns).flip(1)).detach()
        torch.testing.assert_close(found, expected.T.reshape(2, *size))
    sound = untrained((50,), channels=1, origin=Origin("array", "float32", channels=False, dims=1, **RANGE))
    np.testing.assert_allclose(sound.render(region=((10, 20),), scale=3), sound.render(size=150)[30:60], atol=1e-5)
    volume = untrained(
        (3, 4, 5),
        channels=1,
        origin=Origin("array", "uint8", channels=True, dims=3, low=0.0, high=255.0, floor=0.0, ceiling=255.0),
    )
    fine = volume.render(scale=3)
    assert fine.shape == (9, 12, 15, 1)
    np.testing.assert_array_equal(fine[1::3, 1::3, 1::3], volume.render())  # the middles of threes are the samples


@pytest.mark.parametrize("size", [(150, 200), (3, 10000), (10000, 3)])
def test_memory_does_not_grow_with_the_result(size, monkeypatch):
    monkeypatch.setattr(fit_module, "SLAB", 1 << 13)
    fit, seen, slabs = untrained(), [], []
    fit.model.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    put = fit_module.Assembly.put
    monkeypatch.setattr(
        fit_module.Assembly,
        "put",
        lambda self, start, values: (slabs.append(values[0].numel()), put(self, start, values))[1],
    )
    result = fit.render(size=size)
    assert sum(seen) == sum(slabs) == size[0] * size[1]
    assert max(seen) <= chunk_size(fit.model)
    assert max(slabs) <= max(1 << 13, size[1])  # at least a row
    monkeypatch.undo()
    torch.testing.assert_close(result, fit.render(size=size))


def test_rendering_leaves_no_graph():
    assert not untrained().render().requires_grad


@pytest.mark.parametrize(
    "region",
    [
        ((0, 7), (0, 9)),
        ((-1, 3), (0, 9)),
        ((2, 2), (0, 9)),
        ((3, 2), (0, 9)),
        ((0, 3),),
        ((0, float("nan")), (0, 9)),
    ],
)
def test_regions_outside(region):
    with pytest.raises(
        ValueError,
        match=r"region must hold one \(start, stop\) per axis with 0 <= start < stop <= n, n in \(6, 9\)",
    ):
        untrained().render(region=region)


def test_rendering_errors():
    with pytest.raises(ValueError, match="give scale or size, not both"):
        untrained().render(scale=2, size=(3, 3))
    with pytest.raises(ValueError, match="leaves no sample"):
        untrained().render(scale=0.01)


# ---- saving, loading


@pytest.mark.parametrize(
    "fit",
    [
        untrained(),
        untrained(
            align_corners=True,
            base=torch.rand(2, 6, 9, generator=torch.Generator().manual_seed(0)),
            stopped=True,
        ),
        untrained(
            (7,),
            channels=1,
            origin=Origin(
                "array", "int16", channels=False, dims=1, sample_rate=44100.0, floor=-1.0, ceiling=1.0, **RANGE
            ),
        ),
        untrained((2, 3, 4), origin=Origin("array", "uint8", channels=True, dims=3, floor=-1.0, ceiling=1.0, **RANGE)),
    ],
    ids=["image", "base", "sound", "volume"],
)
def test_what_is_saved_is_loaded(fit, tmp_path):
    fit.save(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors")
    assert same(fit, loaded)
    assert not loaded.model.training
    a, b = fit.render(scale=1.5), loaded.render(scale=1.5)
    assert type(a) is type(b)
    np.testing.assert_array_equal(a, b)
    loaded.save(tmp_path / "b.safetensors")
    assert same(fit, Fit.load(str(tmp_path / "b.safetensors"), device="cpu"))


@pytest.mark.parametrize(
    "signal",
    [
        picture(6, 8),
        picture(6, 8).double(),
        eight_bit(picture(6, 8)),
        Image.fromarray(eight_bit(picture(6, 8, 1)[0])),
    ],
    ids=["float32", "float64", "array", "pil"],
)
def test_fits_of_every_kind_survive(signal, tmp_path):
    fit = fit_signal(signal, **QUICK)
    fit.save(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors")
    assert same(fit, loaded)
    assert [e.step for e in loaded.history] == [1, 2]
    assert type(loaded.reconstruction) is type(signal)
    np.testing.assert_array_equal(np.asarray(loaded.reconstruction), np.asarray(fit.reconstruction))


def test_fits_of_paths_and_numpy_numbers_survive(tmp_path):
    Image.fromarray(eight_bit(picture(6, 8))).save(tmp_path / "a.png")
    fit = fit_signal(tmp_path / "a.png", **QUICK, omega_0=np.float32(20))
    fit.save(tmp_path / "a.safetensors")
    assert same(fit, Fit.load(tmp_path / "a.safetensors"))
    fit = fit_signal(np.zeros(9, np.int16), sample_rate=np.int64(8000), **QUICK)
    fit.save(tmp_path / "a.safetensors")
    assert Fit.load(tmp_path / "a.safetensors").origin.sample_rate == 8000


def test_poisson_fits_survive(tmp_path):
    target = np.zeros((5, 6, 3, 2), np.float32)
    fit = solve_poisson(gradient=target, return_fit=True, **QUICK)
    fit.save(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors")
    assert loaded.render().shape == (5, 6, 3)
    np.testing.assert_array_equal(loaded.render(), fit.render())


def test_an_activation_of_the_users_own_has_to_be_given(tmp_path):
    def bump(x):
        return torch.exp(-x.square())

    fit = fit_signal(picture(6, 8), activation=bump, **QUICK)
    fit.save(tmp_path / "a.safetensors")
    with pytest.raises(
        ValueError, match=r"an activation of your own, 'bump': pass it as Fit.load\(path, activation=...\)"
    ):
        Fit.load(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors", activation=bump)
    assert same(fit, loaded)
    assert torch.equal(fit.render(scale=2), loaded.render(scale=2))


def test_initializers_of_the_users_own_are_not_needed(tmp_path):
    def halves(weight, *, omega_0, is_first, generator=None):
        return weight.uniform_(-0.5 / omega_0, 0.5 / omega_0, generator=generator)

    fit = fit_signal(picture(6, 8), first_init=halves, hidden_init=halves, **QUICK)
    fit.save(tmp_path / "a.safetensors")
    assert same(fit, Fit.load(tmp_path / "a.safetensors"))
    assert fit.model.config()["hidden_init"] == "halves"


def test_relu_needs_nothing(tmp_path):
    fit = fit_signal(picture(6, 8), activation="relu", **QUICK)
    fit.save(tmp_path / "a.safetensors")
    assert same(fit, Fit.load(tmp_path / "a.safetensors"))


# ---- damaged files


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.safetensors"
    untrained().save(path)
    return path


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_cut_off_files(saved, length):
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"a.safetensors' is damaged or not a safetensors file"):
        Fit.load(saved)


def test_other_files(saved):
    saved.write_bytes(b"\x89PNG" + bytes(range(256)) * 4)
    with pytest.raises(ValueError, match="is damaged or not a safetensors file"):
        Fit.load(saved)
    save_file({"weight": torch.zeros(3)}, saved)
    with pytest.raises(ValueError, match=r"is not a fit of siren_sr \(format None, expected 'siren_sr.fit.2'\)"):
        Fit.load(saved)
    for text, found in (('{"format": "siren_sr.fitting.fit.99"}', "'siren_sr.fitting.fit.99'"), ("[]", "None")):
        save_file({"weight": torch.zeros(3)}, saved, metadata={"siren_sr": text})
        with pytest.raises(ValueError, match=rf"is not a fit of siren_sr \(format {found}, expected"):
            Fit.load(saved)
    save_file({"weight": torch.zeros(3)}, saved, metadata={"siren_sr": "no json"})
    with pytest.raises(ValueError, match="is damaged or not a safetensors file"):
        Fit.load(saved)


def metadata(path):
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return header["__metadata__"]["siren_sr"]


@pytest.mark.parametrize("missing", ["history", "model.output.bias", "model."])
def test_missing_tensors(saved, missing):
    tensors = {key: value for key, value in load_file(saved).items() if not key.startswith(missing)}
    text = metadata(saved)
    save_file(tensors, saved, metadata={"siren_sr": text})
    with pytest.raises(ValueError, match=r"a.safetensors' is damaged: "):
        Fit.load(saved)


@pytest.mark.parametrize("broken", ["model", "fit", "shape", "wrong size"])
def test_broken_configurations(saved, broken):
    tensors, meta = load_file(saved), json.loads(metadata(saved))
    if broken == "shape":
        del meta["fit"]["shape"]
    elif broken == "wrong size":
        meta["model"]["hidden_features"] = 17
    else:
        del meta[broken]
    save_file(tensors, saved, metadata={"siren_sr": json.dumps(meta)})
    with pytest.raises(ValueError, match=r"a.safetensors' is damaged: "):
        Fit.load(saved)


def test_unknown_devices(saved):
    with pytest.raises(ValueError, match='device="nowhere" cannot be used here'):
        Fit.load(saved, device="nowhere")


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*none.safetensors"):
        Fit.load(tmp_path / "none.safetensors")


# ---- whole or not


def test_the_extension_and_the_folder_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"a fit is saved as .safetensors, got .*a.pt': change the extension"):
        untrained().save(tmp_path / "a.pt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        untrained().save(tmp_path / "none" / "a.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path, monkeypatch, existing):
    path = tmp_path / "a.safetensors"
    if existing:
        untrained().save(path)
    before = path.read_bytes() if existing else None

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    other = replace(untrained(), psnr=99.0)
    with pytest.raises(OSError, match=r"cannot write .*No space left on device; free some space") as caught:
        other.save(path)
    assert caught.value.errno == errno.ENOSPC
    assert [p.name for p in tmp_path.iterdir()] == (["a.safetensors"] if existing else [])
    if existing:
        assert path.read_bytes() == before
        assert Fit.load(path).psnr == 13.5


def test_ctrl_c_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    untrained().save(path)
    before = path.read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace(untrained(), psnr=99.0).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert path.read_bytes() == before
