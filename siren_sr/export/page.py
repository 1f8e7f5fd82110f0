"""`export_page`: a picture's fit as one web page, on which a shader evaluates the network where one looks."""

from __future__ import annotations

import base64
import html
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import io
from siren_sr.export.windows import windows
from siren_sr.fitting.fit import Fit
from siren_sr.grids.boundaries import per_axis
from siren_sr.grids.windows import Windows
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren

WIDEST = 256
"""The most units of a layer: a shader holds the activations of two layers for every pixel."""

MOST = 2**24
"""The most numbers of a page, which are 64 MiB of float32."""

ROW = 2048
"""Texels of a row of the texture of weights; every device that has WebGL 2 takes as many."""

KINDS = ("html", "glsl")
"""The suffixes of the page's own files: what it does, and its shader."""


def export_page(fit: Fit, path: str | os.PathLike[str], *, title: str | None = None) -> None:
    """Write the fit of an image as one HTML page that draws the continuous picture, for any browser with WebGL 2.

    The page evaluates the network on the graphics card for just the pixels that are seen: one zooms into it with the
    wheel, two fingers or the keys + and -, and moves it. It holds everything that it needs, and fetches nothing. A
    picture that wraps goes on beyond its edges. Colours are shown as sRGB; the EXIF data and the colour profile are
    not written. The time of a frame grows with the network: one of tiles is far faster than one wide network.

    Args:
        fit: The fit of an image, of 1 to 4 channels (gray, gray and alpha, RGB, RGBA).
        path: A path that ends in .html; it is written in one step or not at all.
        title: The page's title (default: the name of the file).

    Raises:
        TypeError: ``fit`` is no `Fit`.
        ValueError: The path does not end in .html, or the fit is not one of an image, or too large for a page: layers
            of more than 256 units, or more than 2^24 numbers; or its activation is a function of the user's own.
        OSError: The file cannot be written; nothing is left behind, and an existing file is untouched.
    """
    check_page_path(path)
    page = page_of(fit, title=Path(path).stem if title is None else title)
    io.atomic_write(path, lambda stream: stream.write(page.encode()))


def check_page_path(path: str | os.PathLike[str]) -> None:
    """Raise what `export_page` would raise for this path.

    Raises:
        ValueError: The path does not end in .html.
        OSError: The folder is missing or cannot be written.
    """
    if not os.fspath(path).lower().endswith(".html"):
        raise ValueError(f"the path of a page must end in .html, got {os.fspath(path)!r}")
    io.check_folder(path)


@torch.no_grad()
def page_of(fit: Fit, *, title: str) -> str:
    """Return what `export_page` writes, as text."""
    told = json.dumps(_contents(fit)).replace("<", "\\u003c")
    page, shader = (resources.files("siren_sr.export").joinpath(f"page.{kind}").read_text("utf-8") for kind in KINDS)
    # File names may hold bytes that are no text.
    shown = html.escape(title.encode("utf-8", "replace").decode())
    return page.replace("__SHADER__", shader).replace("__TITLE__", shown).replace("__FIT__", told)


def _contents(fit: Fit) -> dict[str, Any]:
    """What the page's program reads: the shader's constants, and textures in base64."""
    model = _checked(fit)
    channels = model.out_features
    weights, layers = _weights(model)
    stride, width = weights.shape[1], _width(model)
    wraps = [kind == "wrap" for kind in per_axis(fit.boundary, 2)]
    low, high = fit.origin.shown
    lines = [_line(n, align_corners=fit.align_corners) for n in fit.shape]
    defines: dict[str, Any] = {
        "BLOCKS": -(-width // 4),
        "LAYERS": layers,
        "STRIDE": stride,
        "CHANNELS": channels,
        "LOW": repr(float(low)),  # a shader tells 1.0 from 1
        "HIGH": repr(float(high)),
        "SIZE": _vector(fit.shape),
        "SLOPE": _vector([slope for slope, _ in lines]),
        "BEGIN": _vector([begin for _, begin in lines]),
        "WRAPS": f"bvec2({str(wraps[1]).lower()}, {str(wraps[0]).lower()})",
    }
    rows = -(-weights.shape[0] * stride // ROW)
    texels = np.zeros((rows * ROW, 4), np.float32)
    texels[: weights.shape[0] * stride] = weights.reshape(-1, 4)
    found: dict[str, Any] = {"shape": list(fit.shape), "text": _text(fit), "weights": _encoded(texels)}
    if isinstance(model, TiledSiren):
        down, across = (_table(w) for w in model.windows)
        found |= {"rows": _encoded(down), "columns": _encoded(across)}
        defines |= {"TILES": 1, "ROWS": len(down), "COLUMNS": len(across), "ACROSS": len(model.windows[1].starts)}
        defines["GRID"] = _vector([w.n for w in model.windows])
    elif model.config()["activation"] == "relu":
        defines["RELU"] = 1
    if fit.base is not None:
        defines["BASE"] = 1
        base = np.zeros((*fit.base.shape[1:], 4), np.float16)
        base[..., :channels] = fit.base.cpu().movedim(0, -1).double().numpy()
        found |= {"base": _encoded(base), "base_shape": list(fit.base.shape[1:])}
    return {**found, "defines": defines}


def _checked(fit: Any) -> Siren | TiledSiren:
    """The network of a fit that a page can show."""
    if not isinstance(fit, Fit) or not isinstance(fit.model, (Siren, TiledSiren)):
        raise TypeError(f"a page is made of a Fit, got {type(fit).__name__}")
    model = fit.model
    if len(fit.shape) != 2 or not 1 <= model.out_features <= 4:
        raise ValueError(
            f"a page shows an image of 1 to 4 channels, this fit has {len(fit.shape)} axes and "
            f"{model.out_features} channels: use export_onnx"
        )
    own = isinstance(model, Siren) and type(model).forward is not Siren.forward
    if own or model.config().get("activation", "sine") not in ("sine", "relu"):
        raise ValueError(
            'a page knows the activations "sine" and "relu", this network has one, or a forward, of your own'
        )
    width = _width(model)
    if width > WIDEST:
        raise ValueError(f"layers of {width} units are too wide for a page, which takes {WIDEST}: fit tiles instead")
    count = _count(fit)
    if count > MOST:
        raise ValueError(f"the fit has {count} numbers, a page holds {MOST}: fit a part of the image, or render it")
    return model


def _width(model: Siren | TiledSiren) -> int:
    return model.config()["hidden_features"]


def _weights(model: Siren | TiledSiren) -> tuple[np.ndarray, int]:
    """The texels of every network, (networks, texels, 4), and the number of layers between the first and the output.

    A layer is its biases, four to a texel, and then for every four outputs the weights from each input.
    """
    maps = (model.networks if isinstance(model, TiledSiren) else model).affine_maps()
    parts = []
    for number, (weight, bias, omega_0) in enumerate(maps):
        w, b = (weight.T[None], bias[None, None]) if weight.ndim == 2 else (weight, bias)
        w, b = _padded(omega_0 * w.double(), number), _padded(omega_0 * b.double(), None)
        count, n, m = w.shape
        parts.append(b.reshape(count, m // 4, 4))
        parts.append(w.reshape(count, n, m // 4, 4).transpose(1, 2).reshape(count, -1, 4))
    return torch.cat(parts, 1).float().cpu().numpy(), len(maps) - 2


def _padded(values: Tensor, layer: int | None) -> Tensor:
    """Add zeros up to a multiple of four outputs, and of four inputs; the first layer keeps its two coordinates."""
    n, m = values.shape[1:]
    return torch.nn.functional.pad(values, (0, -m % 4, 0, -n % 4 if layer else 0))


def _table(axis: Windows) -> np.ndarray:
    """The windows of an axis as the shader reads them, (windows, 3, 4)."""
    far = 1e30  # of float32
    return np.array(
        [
            [
                [max(w.low, -far), min(w.high, far), w.start, w.end],
                [w.up, w.up_from, w.down, w.down_from],
                [w.number, 2 / axis.length, 0, 0],
            ]
            for w in windows(axis)
        ],
        np.float32,
    )


def _line(n: int, *, align_corners: bool) -> tuple[float, float]:
    """Slope and begin of the coordinate of a place along an axis, which is counted in samples from the edge."""
    if not align_corners:
        return 2 / n, -1.0
    return (2 / (n - 1), -1 / (n - 1) - 1) if n > 1 else (0.0, 0.0)


def _vector(per_axis: Any) -> str:
    """One number per grid axis as a vector of the shader, x first."""
    return f"vec2({float(per_axis[1])!r}, {float(per_axis[0])!r})"


def _encoded(array: np.ndarray) -> str:
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def _text(fit: Fit) -> str:
    return f"{fit.shape[1]} × {fit.shape[0]} pixels as {_count(fit):,} numbers"


def _count(fit: Fit) -> int:
    """How many numbers a fit has: those of its network, and of its base."""
    return sum(p.numel() for p in fit.model.parameters()) + (0 if fit.base is None else fit.base.numel())
