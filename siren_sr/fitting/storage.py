"""A `Fit` as a file: tensors as safetensors, everything else as JSON in the header; nothing is unpickled.

Files come from strangers, too. Everything in a file is therefore checked before anything is built from it: a small file
cannot ask for much memory or time. Two equal runs give equal files, since no times of day or durations are stored.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, BinaryIO, get_args

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments, io
from siren_sr.fitting import degradation
from siren_sr.grids.boundaries import Boundaries, per_axis
from siren_sr.network.layers import ACTIVATIONS, Activation
from siren_sr.network.protocol import Network
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren
from siren_sr.signals import Origin
from siren_sr.signals.origin import Container
from siren_sr.signals.signal import READABLE
from siren_sr.training.progress import Entry
from siren_sr.version import __version__

FORMAT = "siren_sr.fit.2"  # the name and version of the file format, which every saved fit carries
FIRST_FORMAT = "siren_sr.fit.1"  # of older files, which have no checksum
NETWORKS: dict[str, type[Siren] | type[TiledSiren]] = {"Siren": Siren, "TiledSiren": TiledSiren}
CARRIED = ("exif", "icc_profile", "xmp")  # the blocks of an image file that a fit keeps
ORIGIN = ("container", "dtype", "channels", "dims", "turn", "low", "high", "floor", "ceiling", "full", "sample_rate")
NAMES_OF_TYPES = {str(dtype).removeprefix("torch.") for dtype in READABLE}


def write(path: str | os.PathLike[str] | BinaryIO, tensors: dict[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write what `contents` returned, with the versions of the library and of PyTorch and a checksum."""
    versions = {"siren_sr": __version__, "torch": torch.__version__}
    header = {"format": FORMAT, "versions": versions, "checksum": io.checksum(tensors), **meta}
    io.write_tensors(path, tensors, header, what="a fit")


def contents(fit: Any, *, metadata: str = "keep") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return everything of a `Fit` that is saved: tensors, and plain values; ``metadata`` as for `Fit.save`."""
    tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in fit.model.state_dict().items()}
    rows = [[math.nan if f.name == "seconds" else getattr(e, f.name) for f in fields(Entry)] for e in fit.history]
    tensors["history"] = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(fields(Entry)))
    if fit.base is not None:
        tensors["base"] = fit.base.detach().cpu().contiguous()
    carried = fit.origin.info if isinstance(fit.origin.info, io.ImageFile) else None
    if carried is not None and metadata == "strip":
        carried = io.stripped(carried)
    # A rendering can then carry what the image file held beside its pixels.
    for name in CARRIED:
        block = getattr(carried, name, None)
        if block:
            tensors[f"file.{name}"] = torch.frombuffer(bytearray(block), dtype=torch.uint8)
    blocks, told = degradation.written(fit.degradation)
    tensors |= blocks
    origin = {name: getattr(fit.origin, name) for name in ORIGIN}
    meta = {
        "file": None if carried is None else carried.format,
        "left_out": [] if carried is None else list(carried.left_out),
        "network": type(fit.model).__name__,
        "model": fit.model.config(),
        "made": dict(fit.made),
        "fit": {
            "psnr": fit.psnr,
            "shape": list(fit.shape),
            "align_corners": fit.align_corners,
            "stopped": fit.stopped,
            "prior": fit.prior,
            "boundary": fit.boundary,
            "degradation": told,
        },
        "origin": {k: str(v) if v in (math.inf, -math.inf) else v for k, v in origin.items()},
    }
    return tensors, meta


def read(path: str | os.PathLike[str], *, activation: Activation | None) -> dict[str, Any]:
    """Return the fields of the `Fit` in a file, on the CPU; arguments and errors as for `siren_sr.Fit.load`."""
    meta, tensors = io.read_tensors(path, format=(FORMAT, FIRST_FORMAT), what="a fit")
    try:
        if meta["format"] == FIRST_FORMAT:
            meta = _modern(meta)
        elif meta["checksum"] != io.checksum(tensors):
            raise ValueError("its checksum does not fit what it holds")
        return _fields(meta, tensors, activation)
    except (LookupError, TypeError, AttributeError, StopIteration, RuntimeError, OverflowError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    except _ActivationNeededError as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        reason = str(error)
    raise ValueError(f"{os.fspath(path)!r} is damaged: {reason}: take another copy, or fit anew") from None


class _ActivationNeededError(ValueError):
    """The file is well, but something has to be given with it."""


def _modern(meta: dict[str, Any]) -> dict[str, Any]:
    """Return the header of a file of the first format as one of today."""
    old = meta["fit"]
    kind = dict(old["kind"])
    clip = kind.pop("clip")
    low, high = old["low"], old["high"]
    bounds = (low, high) if clip else (-math.inf, math.inf)
    usual = kind["dims"] == 2 and not kind["dtype"].startswith(("float", "bfloat"))
    origin = {**kind, "low": low, "high": high, "floor": bounds[0], "ceiling": bounds[1]}
    origin |= {"full": high - low if usual else 1.0, "sample_rate": old["sample_rate"]}
    fit = {k: old[k] for k in ("psnr", "shape", "align_corners", "stopped")} | {"prior": old.get("prior")}
    return {**meta, "fit": fit, "origin": origin, "made": {}}


def _fields(meta: Mapping[str, Any], tensors: Mapping[str, Tensor], activation: Activation | None) -> dict[str, Any]:
    fit = meta["fit"]
    shape = tuple(arguments.count("shape", n) for n in fit["shape"])
    model = _network(meta, tensors, activation)
    origin = _origin(meta, tensors)
    if not len(shape) == origin.dims == model.in_features:
        raise ValueError(f"a network of {model.in_features} coordinates does not fit a grid of {len(shape)} axes")
    psnr, prior, made = fit["psnr"], fit["prior"], meta["made"]
    if not isinstance(psnr, (int, float)) or not isinstance(prior, (str, type(None))) or not isinstance(made, dict):
        raise TypeError("psnr, prior or made are of another kind")
    return {
        "model": model.eval(),
        "history": _history(tensors["history"]),
        "psnr": float(psnr),
        "shape": shape,
        "origin": origin,
        "align_corners": arguments.flag("align_corners", fit["align_corners"]),
        "base": _base(tensors.get("base"), model, len(shape)),
        "boundary": _boundary(fit.get("boundary", "mirror"), len(shape)),
        "stopped": arguments.flag("stopped", fit["stopped"]),
        "prior": prior,
        "degradation": degradation.read(fit.get("degradation"), tensors),
        "made": made,
    }


def _boundary(stored: Any, dims: int) -> Boundaries:
    """What lies beyond the edges, as a fit has it; older files do not say."""
    axes = per_axis(stored, dims)
    return axes[0] if isinstance(stored, str) else axes


def _network(meta: Mapping[str, Any], tensors: Mapping[str, Tensor], activation: Activation | None) -> Network:
    """Build the network, after its tensors turned out to be all that its configuration asks for."""
    if not isinstance(meta["network"], str) or meta["network"] not in NETWORKS:
        raise ValueError(f"the network is {str(meta['network'])[:40]!r}, known are {', '.join(NETWORKS)}")
    network, config = NETWORKS[meta["network"]], meta["model"]
    state = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    found = 0
    for name, shape in network.state_shapes(config):
        tensor = state.get(name)
        if tensor is None or tuple(tensor.shape) != shape:
            has = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
            raise ValueError(f"the tensor {name} is {has}, it must have shape {shape}")
        if not tensor.dtype.is_floating_point or not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"the tensor {name} has values that are not finite floating-point numbers")
        found += 1
    if found != len(state):
        raise ValueError(f"the network has {found} tensors, the file holds {len(state)}")
    for name in ("first_omega_0", "hidden_omega_0"):
        if name in config:
            arguments.positive(name, config[name])
    wanted = config.get("activation", "sine")
    if activation is None and wanted not in ACTIVATIONS:
        raise _ActivationNeededError(
            f"the network was fitted with an activation of your own, {str(wanted)[:40]!r}: "
            "pass it as Fit.load(path, activation=...)"
        )
    model = network.from_config(config, like=next(iter(state.values())), activation=activation)
    model.load_state_dict(state)
    return model


def _origin(meta: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Origin:
    stored = dict(meta["origin"])
    if set(stored) != set(ORIGIN):
        raise ValueError(f"the description of the data must have {', '.join(ORIGIN)}")
    for name in ("low", "high", "floor", "ceiling", "full"):
        stored[name] = float(stored[name])
    if stored["container"] not in get_args(Container) or stored["dtype"] not in NAMES_OF_TYPES:
        raise ValueError("it was fitted to data of an unknown kind")
    if stored["dims"] not in (1, 2, 3) or stored["turn"] not in range(1, 9):
        raise ValueError("the number of its axes or its orientation is impossible")
    limits = (stored["low"], stored["high"], stored["full"])
    if not all(map(math.isfinite, limits)) or stored["low"] > stored["high"] or stored["full"] < 0:
        raise ValueError(f"its range is impossible: {limits}")
    if not stored["floor"] <= stored["ceiling"]:
        raise ValueError("the limits of its values are impossible")
    if stored["sample_rate"] is not None:
        arguments.positive("sample_rate", stored["sample_rate"])
    arguments.flag("channels", stored["channels"])
    info = None
    if meta["file"]:
        exif, icc_profile, xmp = (
            tensors[f"file.{k}"].numpy().tobytes() if f"file.{k}" in tensors else None for k in CARRIED
        )
        nothing = np.empty((0, 0), np.uint8)
        left_out = tuple(what for what in meta.get("left_out", ()) if what in io.LEFT_OUT)  # older files have none
        info = io.ImageFile(nothing, str(meta["file"]), exif=exif, icc_profile=icc_profile, xmp=xmp, left_out=left_out)
    return Origin(**stored, info=info)


def _history(rows: Tensor) -> tuple[Entry, ...]:
    most = len(fields(Entry))
    if rows.ndim != 2 or not most - 1 <= rows.shape[1] <= most:  # files of the first format have a column less
        raise ValueError(f"the history has the shape {tuple(rows.shape)}")
    return tuple(Entry.of(row) for row in rows.tolist())


def _base(base: Tensor | None, model: Network, dims: int) -> Tensor | None:
    if base is None:
        return None
    if base.ndim != dims + 1 or len(base) != model.out_features or base.numel() == 0:
        raise ValueError(f"the base has the shape {tuple(base.shape)}")
    if not base.dtype.is_floating_point or not bool(torch.isfinite(base).all()):
        raise ValueError("the base has values that are not finite floating-point numbers")
    return base.to(model.dtype)
