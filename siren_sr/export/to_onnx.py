"""`export_onnx`: a fit or a network as a file that any runtime of ONNX evaluates, without PyTorch and this library.

The graph is written node by node instead of being traced: a sine network is products, sums and sines, and the blending
of tiles, which depends on where the points lie, is a loop of the graph. The number of points is free.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import io
from siren_sr.export.graph import Graph, onnx_type
from siren_sr.export.windows import Window, windows
from siren_sr.fitting.fit import Fit
from siren_sr.grids.boundaries import per_axis
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren

LARGEST = 2**31 - 2**20
"""The most bytes of an ONNX file of one piece, with some room for what is not weights."""


def export_onnx(fit: Fit | Siren | TiledSiren, path: str | os.PathLike[str]) -> None:
    """Write a fit, or a network alone, as an ONNX model of opset 17 (needs the ``export`` extra).

    The model has one input, "coords", a matrix (N, D) of any number of points in [-1, 1]^D, x first, and one output,
    "values", a matrix (N, C). For a fit these are the values that `Fit.render` gives, in units of the signal, before
    they are rounded to its type: from 0 to 255 for an image of 8 bits. For a network they are what it computes.
    Both have the network's element type, float32 or float64; half precision is written as float32.

    The metadata of the model tell what is needed to lay a grid: "shape" (rows, columns), "align_corners", "range"
    (the values that stand for -1 and 1), "sample_rate", and "orientation", the EXIF orientation of the picture whose
    upright version was fitted. The EXIF data are not written.

    Args:
        fit: What a task returned, or a network.
        path: A path that ends in .onnx; it is written in one step or not at all.

    Raises:
        ImportError: ONNX is not installed.
        TypeError: ``fit`` is neither.
        ValueError: The path does not end in .onnx, the network's activation is a function of the user's own, or it
            takes more than 2 GiB.
        OSError: The file cannot be written; nothing is left behind, and an existing file is untouched.
    """
    check_onnx_path(path)
    model = onnx_model(fit)
    content = model.SerializeToString()
    io.atomic_write(path, lambda stream: stream.write(content))


def check_onnx_path(path: str | os.PathLike[str]) -> None:
    """Raise what `export_onnx` would raise for this path.

    Raises:
        ImportError: ONNX is not installed.
        ValueError: The path does not end in .onnx.
        OSError: The folder is missing or cannot be written.
    """
    if not os.fspath(path).lower().endswith(".onnx"):
        raise ValueError(f"the path of an ONNX model must end in .onnx, got {os.fspath(path)!r}")
    io.check_folder(path)
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError(f'ONNX models need the package onnx: pip install "siren-sr[export]" ({error})') from error


@torch.no_grad()
def onnx_model(fit: Fit | Siren | TiledSiren) -> Any:
    """Return what `export_onnx` writes, as an ``onnx.ModelProto``.

    Raises:
        TypeError: ``fit`` is no fit and no network.
        ValueError: The network's activation is a function of the user's own, or it takes more than 2 GiB.
    """
    from onnx import helper

    network = fit.model if isinstance(fit, Fit) else fit
    if not isinstance(network, (Siren, TiledSiren)):
        raise TypeError(f"an ONNX model is made of a Fit, a Siren or a TiledSiren, got {type(fit).__name__}")
    dtype = np.float64 if network.dtype == torch.float64 else np.float32
    base = fit.base if isinstance(fit, Fit) else None
    size = sum(p.numel() for p in network.parameters()) + (0 if base is None else base.numel())
    if size * np.dtype(dtype).itemsize > LARGEST:
        raise ValueError(f"the network has {size} numbers, an ONNX file holds 2 GiB: export smaller parts")
    graph, coords = Graph(), "coords"
    if isinstance(network, TiledSiren):
        values = _blended(graph, network, coords, dtype)
    else:
        values = _siren(graph, network, coords, dtype)
    if isinstance(fit, Fit):
        if base is not None:
            border = per_axis(fit.boundary, len(fit.shape))
            values = graph.add("Add", values, _interpolated(graph, base, border, coords, dtype))
        values = _in_units(graph, values, fit, dtype)
    graph.add("Identity", values, output="values")
    kind = onnx_type(dtype)
    inputs = [helper.make_tensor_value_info(coords, kind, ["points", network.in_features])]
    outputs = [helper.make_tensor_value_info("values", kind, ["points", network.out_features])]
    return graph.model("fit" if isinstance(fit, Fit) else "network", inputs, outputs, _properties(fit))


def _properties(fit: Any) -> dict[str, str]:
    if not isinstance(fit, Fit):
        return {"coords": "[-1, 1], x first"}
    origin = fit.origin
    told = {
        "shape": list(fit.shape),
        "align_corners": fit.align_corners,
        "range": [origin.low, origin.high],
        "sample_rate": origin.sample_rate,
        "orientation": origin.turn,
    }
    return {"coords": "[-1, 1], x first", **{key: json.dumps(value) for key, value in told.items()}}


def _array(tensor: Any, dtype: Any) -> np.ndarray:
    # NumPy has no bfloat16.
    return tensor.detach().cpu().to(torch.float64 if dtype == np.float64 else torch.float32).numpy()


def _siren(graph: Graph, model: Siren, x: str, dtype: Any) -> str:
    name = model.config()["activation"]
    operations = {"sine": "Sin", "relu": "Relu"}
    if name not in operations or type(model).forward is not Siren.forward:
        raise ValueError(
            f"a network with an activation or a forward of your own ({name!r}) has no ONNX model here: "
            'use "sine" or "relu", or torch.onnx.export'
        )
    *hidden, last = model.affine_maps()
    for weight, bias, omega_0 in hidden:
        z = graph.add(
            "Gemm",
            x,
            graph.constant(omega_0 * _array(weight, dtype), dtype),
            graph.constant(omega_0 * _array(bias, dtype), dtype),
            transB=1,
        )
        x = graph.add(operations[name], z)
    return graph.add(
        "Gemm", x, graph.constant(_array(last[0], dtype)), graph.constant(_array(last[1], dtype)), transB=1
    )


def _column(graph: Graph, coords: str, number: int) -> str:
    """One coordinate of all points, (N,) in float64: where a point lies in a long signal, float32 cannot say."""
    column = graph.add("Gather", coords, graph.constant(number, np.int64), axis=1)
    return graph.add("Cast", column, to=onnx_type(np.float64))


def _number(graph: Graph, value: float) -> str:
    return graph.constant(value, np.float64)


class _Axis:
    """One axis of a tiled network in a graph."""

    def __init__(self, graph: Graph, coords: str, number: int, axis: Any, dtype: Any) -> None:
        self.rows: list[Window] = windows(axis)
        self.count, self.length = len(axis.starts), axis.length
        self._dtype = dtype
        edge = graph.add("Add", _column(graph, coords, number), _number(graph, 1.0))
        if axis.wrap:
            turns = graph.add("Floor", graph.add("Mul", edge, _number(graph, 0.5)))
            edge = graph.add("Sub", edge, graph.add("Mul", turns, _number(graph, 2.0)))
        self.position = graph.add("Mul", edge, _number(graph, axis.n / 2))

    def entry(self, graph: Graph, turn: str, name: str) -> str:
        """What the window of a turn of the loop has under a name."""
        column = np.array([getattr(row, name) for row in self.rows])
        return graph.add("Gather", graph.constant(column), turn)

    def ramp(self, graph: Graph, turn: str, distance: str, name: str) -> str:
        """sin²(π/2·clamp(slope·distance + from))."""
        slope, begin = self.entry(graph, turn, name), self.entry(graph, turn, f"{name}_from")
        share = graph.add("Add", graph.add("Mul", distance, slope), begin)
        share = graph.add("Clip", share, _number(graph, 0.0), _number(graph, 1.0))
        share = graph.add("Cast", share, to=onnx_type(self._dtype))
        wave = graph.add("Sin", graph.add("Mul", share, graph.constant(0.5 * math.pi, self._dtype)))
        return graph.add("Mul", wave, wave)


class _Tiles:
    """The tiles of a network in a graph: loops over the windows of each axis, one inside the other."""

    def __init__(self, graph: Graph, model: TiledSiren, coords: str, dtype: Any) -> None:
        self._axes = [_Axis(graph, coords, model.in_features - 1 - a, w, dtype) for a, w in enumerate(model.windows)]
        self._weights = [graph.constant(_array(w, dtype)) for w in model.networks.weights]
        self._biases = [graph.constant(_array(b, dtype)) for b in model.networks.biases]
        self._dtype = dtype

    def over(self, part: Graph, a: int, index: str, weight: str, number: str, local: list[str], sums: str) -> str:
        """Add what the windows of the axes from a on make of some points: weighted values, and the weights.

        Args:
            part: The graph, or the body of the loop around this one.
            a: The first of the axes.
            index: Numbers of the points.
            weight: What the windows of the axes before a have left of each.
            number: Number of the tile, as far as the axes before a say it.
            local: Where the points lie in these windows.
            sums: What was added before, for all points.
        """
        axis = self._axes[a]

        def body(inner: Graph, turn: str, before: str) -> str:
            chosen, share, own = self._inside(inner, axis, turn, index)
            share = inner.add("Mul", inner.add("Gather", weight, chosen), share)
            found = [own, *(inner.add("Gather", x, chosen) for x in local)]  # x first
            tile = inner.add("Mul", number, inner.constant(axis.count, np.int64))
            tile = inner.add("Add", tile, axis.entry(inner, turn, "number"))
            some = inner.add("Gather", index, chosen)
            if a + 1 < len(self._axes):
                return self.over(inner, a + 1, some, share, tile, found, before)
            x = inner.add("Concat", *found, axis=1) if len(found) > 1 else own
            values = inner.add("Mul", self._network(inner, tile, x), share)
            rows = inner.add("Unsqueeze", some, inner.constant([1], np.int64))
            return inner.add("ScatterND", before, rows, inner.add("Concat", values, share, axis=1), reduction="add")

        return part.loop(len(axis.rows), sums, body, self._dtype)

    def _inside(self, part: Graph, axis: _Axis, turn: str, index: str) -> tuple[str, str, str]:
        """Which of some points lie in a window, what its ramps leave of each, and where they lie in it."""
        here = part.add("Gather", axis.position, index)
        above = part.add("GreaterOrEqual", here, axis.entry(part, turn, "low"))
        below = part.add("LessOrEqual", here, axis.entry(part, turn, "high"))
        places = part.add("NonZero", part.add("And", above, below))
        chosen = part.add("Squeeze", places, part.constant([0], np.int64))
        position = part.add("Gather", here, chosen)
        start = part.add("Sub", position, axis.entry(part, turn, "start"))
        end = part.add("Sub", axis.entry(part, turn, "end"), position)
        share = part.add("Mul", axis.ramp(part, turn, start, "up"), axis.ramp(part, turn, end, "down"))
        share = part.add("Unsqueeze", share, part.constant([1], np.int64))
        own = part.add("Sub", part.add("Mul", start, _number(part, 2 / axis.length)), _number(part, 1.0))
        own = part.add("Unsqueeze", part.add("Cast", own, to=onnx_type(self._dtype)), part.constant([1], np.int64))
        return chosen, share, own

    def _network(self, part: Graph, number: str, x: str) -> str:
        """The values of one tile's network."""
        for i, (w, b) in enumerate(zip(self._weights, self._biases, strict=True)):
            x = part.add("Add", part.add("MatMul", x, part.add("Gather", w, number)), part.add("Gather", b, number))
            x = x if i + 1 == len(self._weights) else part.add("Sin", x)
        return x


def _blended(graph: Graph, model: TiledSiren, coords: str, dtype: Any) -> str:
    """The values of a tiled network: what its tiles make of every point, over the sum of their weights."""
    tiles = _Tiles(graph, model, coords, dtype)
    points = graph.add("Gather", graph.add("Shape", coords), graph.constant([0], np.int64))
    total = graph.add("Squeeze", points)
    index = graph.add("Range", graph.constant(0, np.int64), total, graph.constant(1, np.int64))
    one = graph.constant([[1]], dtype)
    weight = graph.add("Expand", one, graph.add("Concat", points, graph.constant([1], np.int64), axis=0))
    columns = graph.constant([model.out_features + 1], np.int64)
    nothing = graph.add("Expand", graph.constant([[0]], dtype), graph.add("Concat", points, columns, axis=0))
    sums = tiles.over(graph, 0, index, weight, graph.constant(0, np.int64), [], nothing)
    width = graph.constant([model.out_features, 1], np.int64)
    values, weight = graph.split(sums, width, axis=1)
    return graph.add("Div", values, weight)


def _interpolated(graph: Graph, base: Tensor, border: Sequence[str], coords: str, dtype: Any) -> str:
    """The bicubic interpolant of the base, by Keys' kernel with a = -1/2, as `siren_sr.grids.resampling` has it."""
    channels, *shape = base.shape
    dims, place, weight = len(shape), None, None
    for a, (n, kind) in enumerate(zip(shape, border, strict=True)):
        position = graph.add("Add", _column(graph, coords, dims - 1 - a), _number(graph, 1.0))
        position = graph.add("Sub", graph.add("Mul", position, _number(graph, n / 2)), _number(graph, 0.5))
        before = graph.add("Floor", position)
        t = graph.add("Sub", position, before)
        t = graph.add("Unsqueeze", graph.add("Cast", t, to=onnx_type(dtype)), graph.constant([1], np.int64))
        # The four weights are polynomials of t, the distance from the sample before: rows of coefficients, t³ first.
        keys = np.array([[-0.5, 1.0, -0.5, 0.0], [1.5, -2.5, 0.0, 1.0], [-1.5, 2.0, 0.5, 0.0], [0.5, -0.5, 0.0, 0.0]])
        taps = graph.constant(np.broadcast_to(keys[:, 0], (1, 4)), dtype)
        for power in (1, 2, 3):
            taps = graph.add("Add", graph.add("Mul", taps, t), graph.constant(keys[None, :, power], dtype))
        index = graph.add("Cast", before, to=onnx_type(np.int64))
        index = graph.add("Unsqueeze", index, graph.constant([1], np.int64))
        index = graph.add("Add", index, graph.constant([[-1, 0, 1, 2]], np.int64))
        if kind == "wrap":
            index = graph.add("Mod", index, graph.constant(n, np.int64))
        else:
            index = graph.add("Mod", index, graph.constant(2 * n, np.int64))
            index = graph.add("Min", index, graph.add("Sub", graph.constant(2 * n - 1, np.int64), index))
        if place is None or weight is None:
            place, weight = index, taps
            continue
        # All pairs of what was before with the four of this axis, as one row per point.
        flat = graph.constant([0, 4 ** (a + 1)], np.int64)
        outer, inner = graph.constant([2], np.int64), graph.constant([1], np.int64)
        place = graph.add("Unsqueeze", graph.add("Mul", place, graph.constant(n, np.int64)), outer)
        place = graph.add("Reshape", graph.add("Add", place, graph.add("Unsqueeze", index, inner)), flat)
        weight = graph.add("Mul", graph.add("Unsqueeze", weight, outer), graph.add("Unsqueeze", taps, inner))
        weight = graph.add("Reshape", weight, flat)
    assert place is not None
    assert weight is not None
    samples = graph.constant(_array(base.reshape(channels, -1).T, dtype))
    around = graph.add("Gather", samples, place)  # (N, 4^D, C)
    weighted = graph.add("Mul", around, graph.add("Unsqueeze", weight, graph.constant([2], np.int64)))
    return graph.add("ReduceSum", weighted, graph.constant([1], np.int64), keepdims=0)


def _in_units(graph: Graph, values: str, fit: Fit, dtype: Any) -> str:
    """[-1, 1] -> the user's range, clipped to what is possible."""
    origin, lowest, highest = fit.origin, np.finfo(dtype).min, np.finfo(dtype).max
    values = graph.add("Add", values, graph.constant(1, dtype))
    values = graph.add("Mul", values, graph.constant((origin.high - origin.low) / 2, dtype))
    values = graph.add("Add", values, graph.constant(origin.low, dtype))
    floor, ceiling = max(origin.floor, float(lowest)), min(origin.ceiling, float(highest))
    return graph.add("Clip", values, graph.constant(floor, dtype), graph.constant(ceiling, dtype))
