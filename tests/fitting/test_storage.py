"""Saved fits: equal runs give equal files, and what a stranger wrote is refused before anything is built from it."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import pytest
import torch
from problems import SMALL, picture
from safetensors.torch import load_file, save_file

from siren_sr import Fit, fit_signal, io, super_resolve
from siren_sr.fitting import Degradation, storage

WEIGHTS = torch.full((2, 3), 1 / 6, dtype=torch.float64)
QUICK = {**SMALL, "steps": 2}


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """Files of one network, and of tiles with a base, where more or less was told of how the image came about."""
    folder = tmp_path_factory.mktemp("fits")
    fit_signal(picture(6, 8), **QUICK).save(folder / "one.safetensors")
    super_resolve(picture(6, 8), 2, return_fit=True, steps=1).save(folder / "tiles.safetensors")
    fit = Fit.load(folder / "tiles.safetensors")
    tables = io.JpegTables.of_quality(80, size=(6, 8))
    replace(fit, degradation=Degradation(1.5, 0.02, tables)).save(folder / "told.safetensors")
    replace(fit, degradation=Degradation(WEIGHTS, 0.0)).save(folder / "weighted.safetensors")
    return {name: folder / f"{name}.safetensors" for name in ("one", "tiles", "told", "weighted")}


def header(path):
    raw = path.read_bytes()
    return json.loads(json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["siren_sr"])


def rewritten(source, target, change):
    """Write a file whose checksum is right, whatever ``change(header, tensors)`` does."""
    meta, tensors = header(source), load_file(source)
    change(meta, tensors)
    meta["checksum"] = io.checksum(tensors)
    save_file(tensors, target, metadata={"siren_sr": json.dumps(meta)})
    return target


def test_equal_runs_give_equal_files(tmp_path):
    for name in ("a", "b"):
        fit_signal(picture(6, 8), **QUICK).save(tmp_path / f"{name}.safetensors")
        time.sleep(0.01)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    loaded = Fit.load(tmp_path / "a.safetensors")
    loaded.save(tmp_path / "c.safetensors")
    assert (tmp_path / "c.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()
    assert all(math.isnan(entry.seconds) for entry in loaded.history)


def test_a_file_says_what_made_it(fits):
    meta = header(fits["one"])
    assert meta["versions"]["torch"] == torch.__version__
    assert set(meta["versions"]) == {"siren_sr", "torch"}
    assert len(meta["checksum"]) == 64


@pytest.mark.parametrize("name", ["one", "tiles"])
def test_every_flipped_byte_of_the_numbers_is_noticed(fits, name, tmp_path):
    raw = bytearray(fits[name].read_bytes())
    start = 8 + int.from_bytes(raw[:8], "little")
    for place in range(start, len(raw), max(1, (len(raw) - start) // 40)):
        changed = bytearray(raw)
        changed[place] ^= 1
        (tmp_path / "a.safetensors").write_bytes(changed)
        with pytest.raises(ValueError, match=r"a.safetensors' is damaged: its checksum does not fit"):
            Fit.load(tmp_path / "a.safetensors")


def test_files_of_the_first_format_are_read(fits, tmp_path):
    def older(meta, tensors):
        origin = meta.pop("origin")
        meta["format"] = storage.FIRST_FORMAT
        kind = {k: origin[k] for k in ("container", "dtype", "channels", "dims", "turn")} | {"clip": True}
        meta["fit"] |= {"low": 0.0, "high": 1.0, "sample_rate": None, "kind": kind}
        tensors["history"] = tensors["history"][:, :6].contiguous()
        del meta["made"], meta["versions"]

    fit = Fit.load(rewritten(fits["one"], tmp_path / "a.safetensors", older))
    assert (fit.origin.low, fit.origin.high, fit.origin.floor, fit.origin.ceiling) == (0, 1, 0, 1)
    result = fit.render(scale=2)
    assert result.shape == (3, 12, 16)
    assert 0 <= result.min() <= result.max() <= 1


def test_how_the_image_came_about_is_kept(fits):
    assert Fit.load(fits["one"]).degradation is None
    plain, told, weighted = (Fit.load(fits[name]).degradation for name in ("tiles", "told", "weighted"))
    assert (plain.kernel, plain.noise, plain.compression) == ("bicubic", 0, None)
    assert (told.kernel, told.noise) == (1.5, 0.02)
    assert told.compression == io.JpegTables.of_quality(80, size=(6, 8))
    torch.testing.assert_close(weighted.kernel, WEIGHTS, rtol=0, atol=0)


def test_files_from_before_it_was_kept_are_read(fits, tmp_path):
    def older(meta, tensors):
        del meta["fit"]["degradation"]

    assert Fit.load(rewritten(fits["tiles"], tmp_path / "a.safetensors", older)).degradation is None


def put(*keys, value):
    def change(meta, tensors):
        for key in keys[:-1]:
            meta = meta[key]
        meta[keys[-1]] = value

    return change


def fill(name, value):
    def change(meta, tensors):
        tensors[name] = torch.full_like(tensors[name], value)

    return change


def deeper(meta, tensors):
    nested = []
    for _ in range(900):
        nested = [nested]
    meta["made"] = nested


HOSTILE = {
    "wide": ("one", put("model", "hidden_features", value=20000)),
    "deep": ("one", put("model", "hidden_layers", value=10**9)),
    "no number": ("one", put("model", "hidden_layers", value="many")),
    "negative": ("one", put("model", "hidden_layers", value=-1)),
    "true": ("one", put("model", "hidden_features", value=True)),
    "unknown network": ("one", put("network", value="os.system")),
    "a list as a network": ("one", put("network", value=["Siren"])),
    "another network": ("one", put("network", value="TiledSiren")),
    "more options": ("one", put("model", "generator", value=3)),
    "no omega": ("one", put("model", "first_omega_0", value=0)),
    "infinite omega": ("one", put("model", "first_omega_0", value=math.inf)),
    "NaN weights": ("one", fill("model.layers.0.weight", math.nan)),
    "infinite weights": ("tiles", fill("model.networks.weights.0", math.inf)),
    "NaN base": ("tiles", fill("base", math.nan)),
    "tile of none": ("tiles", put("model", "tile", value=0)),
    "small tiles": ("tiles", put("model", "tile", value=1)),
    "vast grid": ("tiles", put("model", "shape", value=[2**60, 2**60])),
    "long grid": ("tiles", put("model", "shape", value=[2] * 10**5)),
    "margin": ("tiles", put("model", "margin", value=-5)),
    "turn": ("one", put("origin", "turn", value=99)),
    "low": ("one", put("origin", "low", value=math.nan)),
    "upside down": ("one", put("origin", "low", value=7.0)),
    "high": ("one", put("origin", "high", value="inf")),
    "container": ("one", put("origin", "container", value="pickle")),
    "dtype": ("one", put("origin", "dtype", value="Tensor")),
    "dims": ("one", put("origin", "dims", value=3)),
    "rate": ("one", put("origin", "sample_rate", value=-8000)),
    "shape": ("one", put("fit", "shape", value=[6])),
    "empty": ("one", put("fit", "shape", value=[0, 8])),
    "stopped": ("one", put("fit", "stopped", value="no")),
    "psnr": ("one", put("fit", "psnr", value=[1])),
    "prior": ("one", put("fit", "prior", value={})),
    "degradation": ("one", put("fit", "degradation", value=[])),
    "kernel": ("told", put("fit", "degradation", "kernel", value=-1.0)),
    "kernel of none": ("told", put("fit", "degradation", "kernel", value=False)),
    "no weights": ("weighted", fill("degradation.kernel", math.nan)),
    "missing weights": ("told", put("fit", "degradation", "kernel", value=None)),
    "noise": ("told", put("fit", "degradation", "noise", value=-1)),
    "steps": ("told", put("fit", "degradation", "compression", "tables", value=[[[0] * 8] * 8])),
    "compressed size": ("told", put("fit", "degradation", "compression", "size", value=[1.5, "2"])),
    "sampling": ("told", put("fit", "degradation", "compression", "sampling", value=[[9, 9]])),
    "made": ("one", deeper),
    "fit": ("one", put("fit", value=None)),
    "model": ("one", put("model", value=[])),
    "file": ("one", put("origin", value={})),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_a_stranger_wrote_is_refused_at_once(case, fits, tmp_path):
    name, change = HOSTILE[case]
    path = rewritten(fits[name], tmp_path / "a.safetensors", change)
    start = time.process_time()
    with pytest.raises(ValueError, match=r"a.safetensors' is damaged: .*: take another copy, or fit anew"):
        Fit.load(path)
    assert time.process_time() - start < 1  # twenty seconds and gigabytes were asked for


def test_deep_json_is_refused(fits, tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"siren_sr": "[" * 10**6})
    with pytest.raises(ValueError, match="is damaged or not a safetensors file"):
        Fit.load(tmp_path / "a.safetensors")
