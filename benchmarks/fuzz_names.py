"""The names that the expressions of `benchmarks.fuzz` may use: data, odd objects, and short chains of calls."""

from __future__ import annotations

import copy
import decimal
import fractions
import io as streams
import os
import pathlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors

import siren_sr
from siren_sr import derivatives, init, io, metrics, omega, plots
from siren_sr.fitting import TileRecipe
from siren_sr.grids import resampling
from siren_sr.io import JpegTables
from siren_sr.network import capture
from siren_sr.transforms import SuperResolve


class Odd:
    """An object whose every conversion fails, with an error that a caller of Python may expect."""

    def __init__(self, *given: object) -> None:
        """Take anything, so that the class can stand where a function is wanted."""

    def __float__(self) -> float:
        raise TypeError("Odd has no float")

    def __len__(self) -> int:
        raise TypeError("Odd has no length")


class Pathlike(os.PathLike[str]):
    """A path that cannot be told."""

    def __fspath__(self) -> str:
        raise TypeError("Pathlike has no path")


class Opened:
    """Opens files, and knows them, so that they can be closed after the case."""

    def __init__(self) -> None:
        self.files: list[Any] = []

    def __call__(self, path: str) -> Any:
        self.files.append(open(path, "rb"))  # noqa: SIM115
        return self.files[-1]


def fresh(models: dict[str, Any]) -> dict[str, Any]:
    """The data and the networks of a case, made anew for each, so that no case can spoil those of the next."""
    t = torch.linspace(0, 1, 126).reshape(3, 6, 7)
    data = {
        "t": t,
        "a": np.linspace(0, 1, 126, dtype=np.float32).reshape(6, 7, 3),
        "g": derivatives.image_gradient(t),
        "x": torch.linspace(-1, 1, 10).reshape(5, 2),
        "wave": np.sin(np.arange(60, dtype=np.float32)),
    }
    return data | copy.deepcopy(models)


def models(stored: Path) -> dict[str, Any]:
    """Small networks and a fit."""
    small: dict[str, Any] = {"hidden_features": 4, "generator": torch.Generator().manual_seed(0)}
    return {
        "siren": siren_sr.Siren(2, 3, **small),
        "relu": siren_sr.Siren(2, 1, activation="relu", **small),
        "fit": siren_sr.Fit.load(stored / "fit.safetensors"),
        "tiled": siren_sr.Fit.load(stored / "tiles.safetensors").model,
    }


def names(stored: Path) -> dict[str, Any]:
    """The names that expressions may use, except for those of `fresh`."""
    own = {
        "stored": lambda name: str(stored / name),
        "pil": _pil,
        "closed_pil": _closed,
        "levels": _levels,
        "with_one": _with_one,
        "locked": _locked,
        "inference": _inference,
        "same": lambda score: lambda x, *args, **kwargs: score(x, x, **kwargs),
        "resaved": _resaved,
        "rewritten": _rewritten,
        "replayed": _replayed,
        "read_and_write": _read_and_write,
        "hear_and_write": _hear_and_write,
        "load_and_render": _load_and_render,
        "opened": Opened(),
        "Odd": Odd,
        "Pathlike": Pathlike,
        "nan": float("nan"),
        "BytesIO": streams.BytesIO,
        "capture": capture,
        "SuperResolve": SuperResolve,
        "JpegTables": JpegTables,
        "TileRecipe": TileRecipe,
    }
    tasks = {name: getattr(siren_sr, name) for name in ("fit_signal", "super_resolve", "solve_poisson", "Siren", "Fit")}
    modules = {
        m.__name__.rpartition(".")[2]: m
        for m in (omega, derivatives, metrics, init, io, plots, resampling, torch, fractions, decimal)
    }
    return (
        {**modules, "np": np, "Image": Image, "tv_tensors": tv_tensors, "pathlib": pathlib, "random": random}
        | tasks
        | own
    )


def _pil(mode: str) -> Image.Image:
    levels = np.linspace(0, 255, 126).astype(np.uint8).reshape(6, 7, 3)
    if mode.startswith("I;16"):
        return Image.fromarray(levels[..., 0].astype(np.uint16) * 257).convert(mode)
    image = Image.fromarray(levels)
    steps = {"LAB": ("LAB",), "RGBa": ("RGBA", "RGBa"), "La": ("LA", "La"), "PA": ("P", "PA"), "HSV": ("HSV",)}
    for step in steps.get(mode, (mode,)):
        image = _to_lab(image) if step == "LAB" else image.convert(step)
    return image


def _to_lab(image: Image.Image) -> Image.Image:
    return Image.frombytes("LAB", image.size, image.tobytes())


def _closed() -> Image.Image:
    image = Image.new("RGB", (3, 3))
    image.close()
    return image


def _levels(values: Any, dtype: Any) -> Any:
    """Values in [0, 1] as levels of an integer type."""
    if isinstance(values, torch.Tensor):
        return (values * torch.iinfo(dtype).max).double().to(dtype)
    return (np.asarray(values, np.float64) * (np.iinfo(dtype).max // 2)).astype(dtype)


def _with_one(values: Any, odd: float) -> Any:
    result = values.clone() if isinstance(values, torch.Tensor) else values.copy()
    result[(0,) * result.ndim] = odd
    return result


def _locked(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _inference(values: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return values.clone()


def _resaved(path: Any) -> bool:
    fit = siren_sr.fit_signal(torch.linspace(0, 1, 12).reshape(1, 3, 4), hidden_features=4, steps=1)
    fit.save(path)
    return torch.equal(siren_sr.Fit.load(path).render(scale=2), fit.render(scale=2))


def _rewritten(path: Any, pixels: Any, **options: Any) -> bool | None:
    io.write_image(path, pixels, **options)
    found = io.read_image(path).pixels
    lossless = str(path).lower().endswith((".png", ".tif", ".tiff", ".bmp")) and not options
    same = np.array_equal(found, pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
    return same if lossless else found.shape[:2] == pixels.shape[:2]


def _replayed(path: Any, samples: Any, rate: Any) -> bool | None:
    io.write_audio(path, samples, rate)
    found = io.read_audio(path)
    same = np.array_equal(found.samples.reshape(len(samples), -1), samples.reshape(len(samples), -1))
    return same and found.sample_rate == rate if str(path).endswith((".wav", ".aiff")) else found.sample_rate == rate


def _read_and_write(path: str, to: str) -> None:
    found = io.read_image(path)
    pixels = (
        found.pixels if found.pixels.dtype == np.uint8 or to.endswith(("png", "tif")) else found.pixels.astype("u1")
    )
    if to.endswith(("jpg", "bmp")) and pixels.shape[2:] in ((2,), (4,)):
        pixels = pixels[..., :-1] if pixels.shape[2] == 4 else pixels[..., 0]
    io.write_image(to, pixels, found)


def _hear_and_write(path: str, to: str) -> None:
    found = io.read_audio(path)
    io.write_audio(to, found.samples, found.sample_rate, like=found)


def _load_and_render(path: str) -> Any:
    result = siren_sr.Fit.load(path).render(scale=1.5)
    if not bool(np.isfinite(np.asarray(result, np.float64)).all()):
        raise ArithmeticError("the rendering of a loaded fit is not finite")
    return result
