"""The command ``siren-sr``: every task on files, with progress, one-line errors and exit codes.

Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong usage, 130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Any

PROGRAM = "siren-sr"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # ω on a terminal that has none must not be an error
            stream.reconfigure(errors="replace")
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except KeyboardInterrupt:
        return _say("interrupted; nothing was written", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except (
        ValueError,
        TypeError,
        OSError,
        EOFError,
        ArithmeticError,
        MemoryError,
        RuntimeError,
        ImportError,
    ) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError) or any(t in text.lower() for t in ("out of memory", "allocate memory")):
            text = f"not enough memory ({text[:200]}): use a smaller image, scale or network"
        return _say(f"error: {text}", 1)


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``siren-sr``."""
    from siren_sr import __version__

    parser = argparse.ArgumentParser(PROGRAM, description="Sinusoidal representation networks for images and audio.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    p = _command(commands, "super-resolve", _super_resolve, "enlarge an image", "photo.jpg photo_x4.png --scale 4")
    p.add_argument("input", metavar="IN", help="image file")
    p.add_argument("output", metavar="OUT", help="image file; its extension sets the format")
    _resolution(p, "enlargement, any number >= 1 (default: 4)")
    p.add_argument("--quality", default="standard", help="fast, standard (default) or best")
    p.add_argument(
        "--kernel",
        default="bicubic",
        help="what made the image small: bicubic (default), box, ...; a number, "
        "the standard deviation of a Gaussian in pixels of the result; or a .npy file with an array of weights",
    )
    p.add_argument("--noise", type=float, default=0.0, help="standard deviation of its noise, in levels of 255")
    p.add_argument(
        "--prior", metavar="MODULE:FUNCTION", help="your own upscaler, (1, C, h, w) -> (1, C, H, W) in [0, 1]"
    )
    p.add_argument("--strategy", default="consistent", help="consistent (default), basic, trick1, trick2")
    _training(p)

    p = _command(commands, "fit", _fit, "represent an image or a sound by a network", "photo.png photo.safetensors")
    p.add_argument("input", metavar="IN", help="image or audio file")
    p.add_argument("output", metavar="OUT", help="the network, a .safetensors file")
    p.add_argument("--omega", help="first-layer ω0: a number, or a measure's name (default: by the paper's rule)")
    p.add_argument("--hidden-features", type=int, default=256, help="width (default: 256)")
    p.add_argument("--hidden-layers", type=int, help="sine layers after the first (default: 2, audio by length)")
    p.add_argument("--activation", default="sine", choices=["sine", "relu"])
    p.add_argument("--objective", default="mse", help="mse (default) or mse_fft")
    p.add_argument("--recipe", help="fast, whole, paper or published (default: by the objective)")
    p.add_argument("--precision", help="bf16: products in bfloat16, faster and less exact")
    p.add_argument("--tiles", action=argparse.BooleanOptionalAction, help="many small networks (default: by size)")
    _training(p)

    p = _command(commands, "render", _render, "evaluate a fitted network", "photo.safetensors large.png --scale 2.5")
    p.add_argument("input", metavar="FIT", help=".safetensors file of fit")
    p.add_argument("output", metavar="OUT", help="image or audio file")
    _resolution(p, "samples per original sample, > 0 (default: 1)")
    p.add_argument(
        "--region",
        type=float,
        nargs="+",
        metavar="N",
        help="part, in original samples: TOP BOTTOM LEFT RIGHT of an image, START STOP of a sound",
    )
    p.add_argument("--device", help="cpu (default), cuda, mps")

    p = _command(
        commands,
        "poisson",
        _poisson,
        "rebuild an image from its derivatives",
        "photo.png rebuilt.png --of laplacian --method numerical",
    )
    p.add_argument("input", metavar="IN", help="image file, or .npy array (C,2,H,W) of Sobel gradients / (C,H,W)")
    p.add_argument("output", metavar="OUT", help="image file")
    p.add_argument("--of", default="gradient", choices=["gradient", "laplacian"], help="default: gradient")
    p.add_argument("--method", default="numerical", choices=["numerical", "analytical"], help="default: numerical")
    group = p.add_mutually_exclusive_group()
    group.add_argument("--mean", type=float, help="mean value in [0, 1] (default: the image's; 0.5 for .npy)")
    group.add_argument("--no-mean", action="store_true", help="no condition on the mean")
    p.add_argument("--mean-gradient", action="store_true", help="also the image's mean gradient as a condition")
    p.add_argument("--recipe", default="fast", help="fast (default) or paper")
    _training(p)

    p = _command(commands, "omega", _omega, "print ω0 for an image or a sound", "photo.png --measure all")
    p.add_argument("input", metavar="IN", help="image or audio file")
    p.add_argument("--measure", help="a measure's name, or all")
    p.add_argument("--scale", type=float, default=4.0, help="scale of ω_HR (default: 4)")
    return parser


def _command(commands: Any, name: str, run: Callable[..., int], text: str, example: str) -> argparse.ArgumentParser:
    p = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {PROGRAM} {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.set_defaults(run=run)
    return p


def _resolution(p: argparse.ArgumentParser, text: str) -> None:
    group = p.add_mutually_exclusive_group()
    group.add_argument("--scale", type=float, help=text)
    group.add_argument("--size", type=int, nargs="+", metavar="N", help="or the size wanted: H W")


def _training(p: argparse.ArgumentParser) -> None:
    p.add_argument("--steps", type=int, help="training steps")
    p.add_argument("--device", help="cpu (default), cuda, mps")
    p.add_argument("--seed", type=int, default=0, help="seed of the initial weights (default: 0)")
    p.add_argument("--quiet", action="store_true", help="no progress bar")


def _super_resolve(a: argparse.Namespace) -> int:
    from siren_sr import io, super_resolve

    image = io.read_image(a.input)
    channels = 1 if image.pixels.ndim == 2 else image.pixels.shape[2]
    io.check_writable(a.output, channels=channels, dtype=image.pixels.dtype, like=image)
    kernel, prior = _kernel(a.kernel), None if a.prior is None else _callable(a.prior)
    with _Training(a) as training:
        result = super_resolve(
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
        return _say(f"interrupted {training.reached}; nothing was written", 130)
    io.write_image(a.output, _pixels(result), like=image)
    return 0


def _kernel(text: str) -> Any:
    """A name, a number, or the array in a .npy file."""
    if not text.endswith(".npy"):
        return _number_or_name(text)
    import numpy as np

    return np.load(text, allow_pickle=False)


def _callable(text: str) -> Any:
    """What MODULE:FUNCTION names; modules of the working directory count."""
    import importlib

    module, _, name = text.partition(":")
    if not module or not name:
        raise ValueError(f"--prior {text}: give MODULE:FUNCTION, for example mymodel:upscale")
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError:
        raise ValueError(f"--prior {text}: the module {module} has no {name}") from None
    finally:
        sys.path.remove("")


def _fit(a: argparse.Namespace) -> int:
    from siren_sr import fit_signal
    from siren_sr.fit import check_save_path
    from siren_sr.tiles import TiledSiren

    check_save_path(a.output)
    omega_0 = None if a.omega is None else _number_or_name(a.omega)
    with _Training(a) as training:
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
        return _say(f"interrupted {training.reached}; the network reached so far is in {a.output}", 130)
    tiles = len(list(fit.model.tiles())) if isinstance(fit.model, TiledSiren) else 0
    network = f"{tiles} tiles" if tiles else f"first_omega_0 {fit.model.first_omega_0:.2f}"
    print(f"{a.output}: {fit.psnr:.2f} dB, {network}")
    return 0


def _render(a: argparse.Namespace) -> int:
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


def _poisson(a: argparse.Namespace) -> int:
    import torch

    from siren_sr import derivatives, io, signals, solve_poisson

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
    with _Training(a) as training:
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
        return _say(f"interrupted {training.reached}; nothing was written", 130)
    kind = signals.Kind("array", str(dtype), channels > 1, 2, clip=True)
    high = 255.0 if str(dtype) == "uint8" else 65535.0
    values = 2 * fit.reconstruction.reshape(channels, *fit.shape) - 1
    io.write_image(a.output, signals.restore(values, low=0.0, high=high, kind=kind), like=image)
    return 0


def _omega(a: argparse.Namespace) -> int:
    from siren_sr import omega, signals

    data = signals.as_signal(a.input)
    user = data.values if data.sample_rate else (data.values + 1) / 2
    if a.measure is None and data.sample_rate is None:
        star, high = omega.omega_star(user), omega.omega_hr(user, a.scale)
        print(f"omega_star  {star:.2f}\nomega_hr    {high:.2f}  (x{a.scale:g})")
    elif a.measure is None:
        print(f"omega_r  {omega.omega_r(data.sample_rate or 0):.2f}")
    else:
        names = list(omega.MEASURES) if a.measure == "all" else [a.measure]
        width = max(map(len, names))
        for name in names:
            value = omega.choose(user, name, sample_rate=data.sample_rate, dims=data.kind.dims)
            print(f"{name:{width}}  {value:.2f}")
    return 0


class _Training:
    """Progress bar and Ctrl-C around a training: the first ends it after the step, a second at once."""

    def __init__(self, a: argparse.Namespace) -> None:
        self._quiet, self.stopped, self._bar, self._last = a.quiet, False, None, None

    def options(self, a: argparse.Namespace, **more: Any) -> dict[str, Any]:
        """The arguments that every task shares."""
        import torch

        return {
            "generator": torch.Generator().manual_seed(a.seed),
            "device": a.device,
            "callback": self,
            **more,
        }

    @property
    def reached(self) -> str:
        """Where the training was when it ended."""
        if self._last is None:
            return "before the first step"
        entry = self._last.entry
        return f"at step {entry.step} of {self._last.steps}, PSNR {entry.psnr:.2f} dB"

    def __enter__(self) -> _Training:
        self._previous = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._previous)
        if self._bar is not None:
            self._bar.close()

    def _interrupt(self, *_: object) -> None:
        if self.stopped or self._last is None:  # a second time, or before there is anything to report
            raise KeyboardInterrupt
        self.stopped = True

    def __call__(self, progress: Any) -> bool:
        from tqdm import tqdm

        self._last = progress
        if self._bar is None:
            self._bar = tqdm(
                total=progress.steps, disable=self._quiet, unit="step", dynamic_ncols=True, leave=False, mininterval=0.5
            )
        self._bar.total = progress.steps  # how much a later stage has to do may show only when it begins
        self._bar.set_description(progress.stage, refresh=False)
        if math.isfinite(progress.entry.psnr):
            self._bar.set_postfix_str(f"{progress.entry.psnr:.2f} dB", refresh=False)
        self._bar.update(1)
        return self.stopped


def _pixels(image: Any) -> Any:
    import numpy as np

    return np.asarray(image)


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _say(text: str, code: int) -> int:
    print(f"{PROGRAM}: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
