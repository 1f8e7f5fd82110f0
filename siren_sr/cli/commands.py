"""The tasks of the command ``siren-sr``: files in, files out; each returns its exit code."""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from siren_sr.cli.progress import Training, say


def super_resolve(a: argparse.Namespace) -> int:
    """Enlarge an image."""
    from siren_sr import io
    from siren_sr import super_resolve as enlarge

    image = io.read_image(a.input)
    channels = 1 if image.pixels.ndim == 2 else image.pixels.shape[2]
    io.check_writable(a.output, channels=channels, dtype=image.pixels.dtype, like=image)
    if not 0 <= a.noise <= 255:
        raise ValueError(f"--noise {a.noise:g}: a standard deviation in levels of 255, from 0 to 255")
    kernel = _kernel(a.kernel)
    with _prior(a.prior) as prior, Training(a) as training:
        result = enlarge(
            image,
            a.scale,
            size=a.size,
            quality=a.quality,
            kernel=kernel,
            noise=a.noise / 255,
            prior=prior,
            strategy=a.strategy,
            **training.options(a, steps=a.steps),
        )
    if training.stopped:
        return say(f"interrupted {training.reached}; nothing was written", 130)
    io.write_image(a.output, _pixels(result), like=image)
    return 0


def _kernel(text: str) -> Any:
    """A name, a number, or the array in a .npy file."""
    if not text.endswith(".npy"):
        return _number_or_name(text)
    import numpy as np

    return np.load(text, allow_pickle=False)


@contextlib.contextmanager
def _prior(text: str | None) -> Iterator[Callable[..., Any] | None]:
    """What MODULE:FUNCTION names; modules of the working directory count, also those that it imports as it runs."""
    if text is None:
        yield None
        return
    module, _, name = text.partition(":")
    if not module or not name:
        raise ValueError(f"--prior {text}: give MODULE:FUNCTION, for example mymodel:upscale")
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        found = _of_the_users(f"--prior {text}: {module} cannot be imported", importlib.import_module, module)
        for part in name.split("."):
            if not hasattr(found, part):
                raise ValueError(f"--prior {text}: the module {module} has no {name}")
            found = getattr(found, part)
        if not callable(found):
            raise ValueError(f"--prior {text} is no function but {type(found).__name__}")
        yield functools.partial(_of_the_users, f"--prior {text} failed", found)
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _of_the_users(text: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what the user wrote: whatever it raises becomes one line that says where it came from."""
    try:
        return function(*arguments)
    except Exception as error:
        raise ValueError(f"{text}: {type(error).__name__}: {error}") from error


def fit(a: argparse.Namespace) -> int:
    """Represent an image or a sound by a network."""
    from siren_sr import fit_signal
    from siren_sr.fitting.fit import check_save_path
    from siren_sr.network.tiled import TiledSiren

    check_save_path(a.output)
    omega_0 = None if a.omega is None else _number_or_name(a.omega)
    with Training(a) as training:
        fit = fit_signal(
            a.input,
            omega_0=omega_0,
            hidden_features=a.hidden_features,
            hidden_layers=a.hidden_layers,
            activation=a.activation,
            objective=a.objective,
            precision=a.precision,
            tiles=a.tiles,
            recipe=a.recipe,
            **training.options(a, steps=a.steps),
        )
    fit.save(a.output)
    if training.stopped:
        return say(f"interrupted {training.reached}; the network reached so far is in {a.output}", 130)
    tiles = len(list(fit.model.tiles())) if isinstance(fit.model, TiledSiren) else 0
    network = f"{tiles} tiles" if tiles else f"first_omega_0 {fit.model.first_omega_0:.2f}"
    print(f"{a.output}: {fit.psnr:.2f} dB, {network}")
    return 0


def render(a: argparse.Namespace) -> int:
    """Evaluate a fitted network."""
    from siren_sr import Fit, io

    fit = _as_file(Fit.load(a.input, device=a.device))
    dims, audio = fit.kind.dims, fit.kind.dims == 1
    channels, dtype = fit.model.out_features, fit.kind.dtype
    like = fit.info if isinstance(fit.info, io.ImageFile) else None
    if audio:
        io.check_audio_writable(a.output, channels=channels, dtype=dtype)
    else:
        io.check_writable(a.output, channels=channels, dtype=dtype, like=like)
    if a.region is not None and len(a.region) != 2 * dims:
        raise ValueError(f"--region needs {2 * dims} numbers, START and STOP of each axis, got {len(a.region)}")
    region = None if a.region is None else list(zip(a.region[::2], a.region[1::2], strict=True))
    result = fit.render(scale=a.scale, size=a.size, region=region)
    if audio:
        start, stop = (0, fit.shape[0]) if region is None else region[0]
        io.write_audio(a.output, result, round((fit.sample_rate or 44100) * len(result) / (stop - start)))
    else:
        io.write_image(a.output, result, like=like)
    return 0


def _as_file(fit: Any) -> Any:
    """The fit, rendering what a file holds whatever was fitted: channels last, and integers for an image."""
    from dataclasses import replace

    if fit.kind.dims > 2:
        raise ValueError(f"this network has {fit.kind.dims} axes, only images and sounds have files: use Fit.render")
    kind = replace(fit.kind, container="array", channels=fit.kind.channels and fit.model.out_features > 1)
    if fit.kind.dims == 1 or not kind.dtype.startswith(("float", "bfloat")):
        return replace(fit, kind=kind)
    return replace(fit, kind=replace(kind, dtype="uint8", clip=True), low=0.0, high=255.0)


def _load_array(path: str) -> Any:
    import numpy as np

    try:
        with open(path, "rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
        return array.astype(np.float32)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a readable .npy file of numbers: {error}") from error


def poisson(a: argparse.Namespace) -> int:
    """Rebuild an image from its derivatives."""
    import torch

    from siren_sr import derivatives, io, signals, solve_poisson
    from siren_sr.signals import origin

    operator = derivatives.image_gradient if a.of == "gradient" else derivatives.image_laplacian
    image, mean, mean_gradient = None, a.mean, None
    if a.input.lower().endswith(".npy"):
        target = torch.from_numpy(_load_array(a.input))
        mean = 0.5 if mean is None else mean
        if a.mean_gradient:
            raise ValueError("--mean-gradient needs an image: a .npy file holds derivatives only")
    else:
        image = io.read_image(a.input)
        unit = (signals.as_signal(image).values + 1) / 2
        target = operator(unit)
        mean = unit.flatten(1).mean(1) if mean is None else mean
        if a.mean_gradient:
            mean_gradient = derivatives.image_gradient(unit).flatten(2).mean(2)
    dtype = "uint8" if image is None else image.pixels.dtype
    channels = target.shape[0] if target.ndim == (4 if a.of == "gradient" else 3) else 1
    io.check_writable(a.output, channels=channels, dtype=dtype, like=image)
    with Training(a) as training:
        fit = solve_poisson(
            **{a.of: target},
            mean=None if a.no_mean else mean,
            mean_gradient=mean_gradient,
            method=a.method,
            recipe=a.recipe,
            return_fit=True,
            **training.options(a, steps=a.steps),
        )
    if training.stopped:
        return say(f"interrupted {training.reached}; nothing was written", 130)
    kind = origin.Kind("array", str(dtype), channels > 1, 2, clip=True)
    high = 255.0 if str(dtype) == "uint8" else 65535.0
    values = 2 * fit.reconstruction.reshape(channels, *fit.shape) - 1
    io.write_image(a.output, origin.restore(values, low=0.0, high=high, kind=kind), like=image)
    return 0


def omega(a: argparse.Namespace) -> int:
    """Print ω0 for an image or a sound."""
    from siren_sr import omega as rules
    from siren_sr import signals

    data = signals.as_signal(a.input)
    user = data.values if data.sample_rate else (data.values + 1) / 2
    if a.measure is None:
        chosen = rules.choose(user, sample_rate=data.sample_rate, dims=data.kind.dims)
        if data.sample_rate is None:
            star, high = rules.omega_star(user), rules.omega_hr(user, a.scale)
            paper = f"omega_star  {star:.2f}\nomega_hr    {high:.2f}  (x{a.scale:g})"
        else:
            paper = f"omega_r     {rules.omega_r(data.sample_rate):.2f}"
        print(f"choose      {chosen:.2f}\n{paper}")
    else:
        names = [rules.TANGENT_KERNEL, *rules.MEASURES] if a.measure == "all" else [a.measure]
        width = max(map(len, names))
        for name in names:
            value = rules.choose(user, name, sample_rate=data.sample_rate, dims=data.kind.dims)
            print(f"{name:{width}}  {value:.2f}")
    return 0


def reproduce(a: argparse.Namespace) -> int:
    """Repeat a table or figure of the paper, or make its images."""
    from siren_sr import io
    from siren_sr.reproduce import EXPERIMENTS, Setup, data

    if a.name == "data":
        if a.div2k is None or a.out is None:
            raise ValueError("reproduce data needs --div2k, where DIV2K's validation images are, and --out")
        for file in data.build(a.div2k, a.out, a.images or data.NAMES):
            print(file)
        return 0
    if a.name not in EXPERIMENTS:
        raise ValueError(f"{a.name!r} is unknown: use data or one of {', '.join(EXPERIMENTS)}")
    if a.epochs is not None and a.epochs < 1:
        raise ValueError(f"--epochs must be >= 1, got {a.epochs}")
    if a.prior is not None and a.name != "table7":
        raise ValueError(f"--prior is for table7, {a.name} has no use for it")
    if a.out is not None:  # before hours of training
        a.out.mkdir(parents=True, exist_ok=True)
        io.check_folder(a.out / f"{a.name}.json")
    with _prior(a.prior) as prior:
        report = EXPERIMENTS[a.name](
            Setup(
                data=a.data,
                images=None if a.images is None else tuple(a.images),
                epochs=a.epochs,
                quick=a.quick,
                as_published=a.as_published,
                seed=a.seed,
                device=a.device,
                prior=prior,
                tell=(lambda line: None) if a.quiet else (lambda line: print(line, file=sys.stderr, flush=True)),
            )
        )
    print(report.text())
    if a.out is not None:
        for file in report.save(a.out, a.name):
            print(f"\nwritten: {file}")
    return 0


def _pixels(image: Any) -> Any:
    import numpy as np

    return np.asarray(image)


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
