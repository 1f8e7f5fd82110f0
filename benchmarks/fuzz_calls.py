"""The public functions that `benchmarks.fuzz` calls, what each argument may be given, and what a result must be."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.fuzz_values import POOLS, STRANGE

Check = Callable[[Any, Mapping[str, Any]], str | None]
"""A function (result, arguments) -> what is wrong with the result, or None."""


@dataclass(frozen=True)
class Entry:
    """A public function, or a short chain of them.

    Attributes:
        name: The function as it is written in a call.
        needed: Arguments that every call gives, as (name, pool); a name with a star is given by its position.
        more: Arguments by name that only some calls give.
        check: What must be true of a result.
        fixed: Text that stands at the end of every call, such as a small number of steps.
        after: Text that stands behind the call.
    """

    name: str
    needed: str
    more: str = ""
    check: Check = lambda result, given: None
    fixed: str = ""
    after: str = ""

    def draw(self, rng: random.Random) -> str:
        """Return a call: good arguments, but for one or two."""
        needed = [_named(word) for word in self.needed.split()]
        chosen = needed + [_named(word) for word in self.more.split() if rng.random() < 0.25]
        odd = set(rng.sample(range(len(chosen)), min(len(chosen), rng.choice((0, 1, 1, 1, 2))))) if chosen else set()
        parts = []
        for i, (name, pool) in enumerate(chosen):
            endless = pool == "steps"  # whoever asks for 2^63 steps gets them
            good = POOLS[pool].good
            strange = (*POOLS[pool].odd, *(text for text in STRANGE if not (endless and "**" in text)))
            text = rng.choice(strange if i in odd and rng.random() < 0.9 else good)
            text = rng.choice(POOLS[pool].odd) if i in odd and POOLS[pool].odd and rng.random() < 0.5 else text
            parts.append(text if name.startswith("*") else f"{name}={text}")
        taken = {name for name, _ in chosen}
        parts += [part for part in self.fixed.split("; ") if part and part.split("=")[0] not in taken]
        return f"{self.name}({', '.join(parts)}){self.after}"


def _named(word: str) -> tuple[str, str]:
    """Return (name, pool) of an argument: "scale" is short for "scale:scale"."""
    name, _, pool = word.partition(":")
    return name, pool or name.lstrip("*")


def finite(values: Any) -> bool:
    """Whether a tensor, an array, a number or a picture holds neither NaN nor infinite values."""
    if isinstance(values, Tensor):
        return values.is_meta or bool(torch.isfinite(values.detach()).all())
    array = np.asarray(values)
    return array.dtype.kind in "biu" or bool(np.isfinite(array.astype(np.float64)).all())


def tame(given: Any) -> bool:
    """Whether an input is finite and far from the limits of its type, so that its derivatives must be finite."""
    if getattr(given, "is_meta", False) or not finite(given):
        return False
    values = given.detach() if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given).astype(np.float64))
    limit = torch.finfo(values.dtype).max if values.is_floating_point() else 2.0**60
    return values.numel() == 0 or float(values.double().abs().max()) < limit / 1e4


def a_number(result: Any, given: Mapping[str, Any]) -> str | None:
    """An ω0: a plain float that is finite and not negative."""
    good = type(result) is float and 0 <= result < math.inf
    return None if good else f"not a finite float >= 0: {result!r}"


def the_rate(result: Any, given: Mapping[str, Any]) -> str | None:
    """ω_r is the sampling rate itself."""
    return a_number(result, given) or (None if result == float(given["0"]) else f"not the rate: {result}")


def a_score(result: Any, given: Mapping[str, Any]) -> str | None:
    """A measure of likeness: a plain float, which may be infinite."""
    return None if type(result) is float and not math.isnan(result) else f"not a number: {result!r}"


def same_type(result: Any, given: Mapping[str, Any]) -> str | None:
    """A tensor of the type of the first argument, and finite where that is."""
    image = given["0"]
    if not isinstance(result, Tensor) or (image.is_floating_point() and result.dtype != image.dtype):
        return f"{type(result).__name__} {getattr(result, 'dtype', '')} for {image.dtype}"
    return None if finite(result) or not tame(image) else "a result that is not finite"


def filtered(result: Any, given: Mapping[str, Any]) -> str | None:
    """Derivatives of an image: its own grid, and one more axis for the gradient."""
    shape = tuple(given["0"].shape)
    if tuple(result.shape) not in (shape, (*shape[:-2], 2, *shape[-2:])):
        return f"shape {tuple(result.shape)} for {shape}"
    return same_type(result, given)


def derived(result: Any, given: Mapping[str, Any]) -> str | None:
    """Derivatives of a network: as many rows as there are points."""
    results = result if isinstance(result, tuple) else (result,)
    if any(not isinstance(one, Tensor) or len(one) != len(given["1"]) for one in results):
        return f"not one row per point: {[getattr(one, 'shape', type(one)) for one in results]}"
    return None if all(map(finite, results)) or not tame(given["1"]) else "a result that is not finite"


def alike(result: Any, given: Mapping[str, Any]) -> str | None:
    """A picture of the kind that was given, with finite values."""
    first = given["0"] if "0" in given else given.get("gradient", given.get("laplacian"))
    if hasattr(result, "history"):
        result = result.reconstruction
    kinds = ((Tensor, Tensor), (np.ndarray, np.ndarray), (list, np.ndarray), (tuple, np.ndarray))
    if isinstance(result, list):
        result = result[0].reconstruction if hasattr(result[0], "history") else result
    for kind, expected in kinds:
        if isinstance(first, kind):
            if not isinstance(result, expected):
                return f"{type(result).__name__} for {type(first).__name__}"
            if isinstance(first, (Tensor, np.ndarray)):
                mine, theirs = (str(x.dtype).lstrip("<>=") for x in (result, first))
                if mine != theirs and np.dtype(str(mine).removeprefix("torch.")) is None:
                    return f"{mine} for {theirs}"
    return None if finite(result) else "a result that is not finite"


def enlarged(result: Any, given: Mapping[str, Any]) -> str | None:
    """What `alike` asks, and as many pixels as before or more."""
    problem = alike(result, given)
    result = result.reconstruction if hasattr(result, "history") else result
    if problem is None and hasattr(given["0"], "shape") and hasattr(result, "shape"):
        fewer = math.prod(result.shape) < math.prod(given["0"].shape)
        problem = f"smaller: {tuple(result.shape)} for {tuple(given['0'].shape)}" if fewer else None
    return problem


def fitted(result: Any, given: Mapping[str, Any]) -> str | None:
    """A fit, or a list of them, whose network and rendering are finite."""
    for fit in result if isinstance(result, list) else [result]:
        if math.isnan(fit.psnr):
            return f"psnr {fit.psnr}"
        if not all(finite(p) for p in fit.model.parameters()):
            return "weights that are not finite"
        problem = alike(fit, {"0": given["0"][0]} if isinstance(result, list) else given)
        if problem:
            return problem
    return None


def a_network(result: Any, given: Mapping[str, Any]) -> str | None:
    """A network that gives finite values."""
    first = next(result.parameters())
    return None if finite(result(torch.zeros(2, result.in_features).to(first))) else "values that are not finite"


def rendered(result: Any, given: Mapping[str, Any]) -> str | None:
    """A tensor of three channels in [0, 1], of the size that was asked for."""
    if not isinstance(result, Tensor) or result.shape[0] != 3 or not finite(result):
        return f"not a finite tensor of three channels: {getattr(result, 'shape', type(result))}"
    size = given.get("size")
    return None if size is None or tuple(result.shape[1:]) == tuple(map(int, size)) else f"{result.shape} for {size}"


def is_finite(result: Any, given: Mapping[str, Any]) -> str | None:
    """Numbers that are finite where the first argument's are."""
    return None if finite(result) or not tame(given["0"]) else "a result that is not finite"


def kept(result: Any, given: Mapping[str, Any]) -> str | None:
    """What was written and read again is what was given."""
    return None if result is None or bool(result) else "the file does not hold what was written"


QUICK = "hidden_features=4; hidden_layers=1; steps=2"
NETWORK = (
    "omega_0:omega hidden_omega_0:number hidden_features:count hidden_layers:count activation first_init:initializer "
    "hidden_init:initializer recipe steps optimizer scheduler align_corners:flag generator device callback"
)
ENTRIES = (
    Entry(
        "fit_signal", "*image", f"{NETWORK} sample_rate:rate dims objective batch:count precision tiles", fitted, QUICK
    ),
    Entry("fit_signal", "*grid", "dims sample_rate:rate tiles steps objective", fitted, QUICK),
    Entry(
        "super_resolve", "*image *scale",
        "quality kernel noise prior compression strategy steps align_corners:flag generator device callback "
        "return_fit:flag",
        enlarged, "prior=None; quality='fast'; steps=2",
    ),
    Entry(
        "super_resolve", "*image size", "noise kernel device return_fit:flag",
        enlarged, "prior=None; quality='fast'; steps=1",
    ),
    Entry(
        "solve_poisson", "gradient", f"mean mean_gradient:gradient boundary method return_fit:flag {NETWORK}",
        alike, QUICK,
    ),
    Entry("solve_poisson", "laplacian:values", f"mean boundary method {NETWORK}", alike, QUICK),
    Entry(
        "SuperResolve", "*scale", "quality kernel noise prior compression strategy steps device",
        fixed="quality='fast'; prior=None; steps=1", after="(t)",
    ),
    Entry("SuperResolve", "", "scale quality", fixed="scale=2; quality='fast'; prior=None; steps=1", after="(a)"),
    Entry(
        "Siren", "*count *count",
        "hidden_features:count hidden_layers:count first_omega_0:number hidden_omega_0:number activation "
        "first_init:initializer hidden_init:initializer generator device dtype",
        a_network, "hidden_features=4",
    ),
    Entry("siren", "*coords", check=is_finite),
    Entry(
        "TileRecipe", "",
        "tile:count margin:count hidden_features:count hidden_layers:count first_omega_0:number steps batch:count "
        "lr:number",
    ),
    Entry("fit.render", "", "scale size region", rendered),
    Entry("resaved", "*fit-file", check=kept),
    Entry("Fit.load", "*loadable", "device activation"),
    Entry("omega.omega_star", "*image", "factor:number", a_number),
    Entry("omega.omega_hr", "*image *scale", "ratio:number", a_number),
    Entry("omega.omega_hr", "*image size", "ratio:number", a_number),
    Entry("omega.omega_r", "*rate", check=the_rate),
    Entry(
        "omega.choose", "*grid",
        "measure sample_rate:rate dims updates:count hidden_layers:count resolution_aware:flag", a_number,
    ),
    Entry("omega.usual_updates", "*count"),
    Entry("derivatives.image_gradient", "*tensor", check=filtered),
    Entry("derivatives.image_laplacian", "*tensor", check=filtered),
    Entry("derivatives.inverse_gradient", "*gradient", check=same_type),
    Entry("derivatives.inverse_laplacian", "*tensor", check=same_type),
    Entry("derivatives.laplacian_of_gradient", "*gradient", check=same_type),
    Entry("derivatives.gradient", "*model *coords", "spacing", derived),
    Entry("derivatives.laplacian", "*model *coords", "spacing", derived),
    Entry("derivatives.value_and_derivatives", "*model *coords order:count", "spacing", derived),
    Entry("derivatives.nested_autograd", "*model *coords order:count", "spacing", derived),
    Entry("metrics.mse", "*values *values", "channel_sum:flag", a_score),
    Entry("metrics.psnr", "*values *values", "data_range channel_sum:flag", a_score),
    Entry("metrics.ssim", "*values *values", "data_range", a_score),
    Entry("metrics.psnr_y", "*values *values", "border", a_score),
    Entry("metrics.ssim_y", "*values *values", "border", a_score),
    Entry("metrics.rgb_to_y", "*values", check=is_finite),
    Entry("same(metrics.psnr)", "*values", "border", a_score),
    Entry("same(metrics.ssim)", "*values", "data_range", a_score),
    Entry("metrics.summary", "*numbers"),
    Entry("init.sitzmann_", "*weight omega_0:number is_first:flag", "", is_finite, "generator=torch.Generator()"),
    Entry("init.xavier_", "*weight omega_0:number is_first:flag", "", is_finite, "generator=torch.Generator()"),
    Entry("init.he_", "*weight omega_0:number is_first:flag", "", is_finite, "generator=torch.Generator()"),
    Entry("resampling.resize", "*tensor *size", "kernel:interpolation border:edge antialias:flag", same_type),
    Entry("resampling.resize_as_published", "*tensor", "down:number up:number", same_type),
    Entry("capture", "*model *coords", "gradients:flag"),
    Entry("plots.history", "*fits", "against"),
    Entry("plots.images", "*titled", "columns:count"),
    Entry("plots.activity", "*layers", "bins:count"),
    Entry("io.read_image", "*readable"),
    Entry("io.read_audio", "*audible"),
    Entry("io.check_writable", "*image-file channels:count dtype:word", "format"),
    Entry("io.check_audio_writable", "*sound-file channels:count dtype:word"),
    Entry("rewritten", "*image-file *pixels", "quality:encoding format", kept),
    Entry("replayed", "*sound-file *samples *rate", check=kept),
)  # fmt: skip

FILES: dict[str, tuple[str, ...]] = {
    "image": (
        "rgb.png", "rgb.tif", "photo.jpg", "rgb.webp", "rgb.bmp", "rgba.png", "rgba.tif", "rgba.webp", "gray16.png",
        "gray16.tif", "deep.png", "deep.tif", "palette.png", "palette.gif", "bits.png", "progressive.jpg",
            "group4.tif",
        "tiff_lzw.tif", "packbits.tif", "tiff_adobe_deflate.tif", "jpeg.tif", "rgb.avif",
    ),
    "sound": ("tone.wav", "float.wav", "tone.flac", "tone.ogg", "tone.aiff", "tone.mp3"),
    "fit": ("fit.safetensors", "line.safetensors", "photo.safetensors", "tiles.safetensors"),
}  # fmt: skip
"""The good files that are damaged, which `benchmarks.fuzz_files.make` writes."""
CALLS_ON_FILES: dict[str, tuple[str, ...]] = {
    "image": (
        "io.read_image({0!r})", "io.read_image({0!r})", "read_and_write({0!r}, 'out.png')",
        "read_and_write({0!r}, 'out.tif')", "read_and_write({0!r}, 'out.jpg')", "read_and_write({0!r}, 'out.webp')",
        "omega.omega_star({0!r})",
    ),
    "sound": ("io.read_audio({0!r})", "hear_and_write({0!r}, 'out.wav')", "hear_and_write({0!r}, 'out.flac')"),
    "fit": ("load_and_render({0!r})",),
}  # fmt: skip
"""What is called with a damaged file, whose name is put in."""
