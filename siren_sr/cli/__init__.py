"""The command ``siren-sr``: every task on files, with progress, one-line errors and exit codes.

Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong usage, 130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from siren_sr.cli import commands as tasks
from siren_sr.cli.progress import PROGRAM, say


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # ω on a terminal that has none must not be an error
            stream.reconfigure(errors="replace")
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except KeyboardInterrupt:
        return say("interrupted; nothing was written", 130)
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
        return say(f"error: {text}", 1)


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``siren-sr``."""
    from siren_sr import __version__

    parser = argparse.ArgumentParser(PROGRAM, description="Sinusoidal representation networks for images and audio.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    p = _command(commands, "super-resolve", tasks.super_resolve, "enlarge an image", "photo.jpg photo_x4.png --scale 4")
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

    p = _command(
        commands, "fit", tasks.fit, "represent an image or a sound by a network", "photo.png photo.safetensors"
    )
    p.add_argument("input", metavar="IN", help="image or audio file")
    p.add_argument("output", metavar="OUT", help="the network, a .safetensors file")
    p.add_argument(
        "--omega", help="first-layer ω0: a number, or a rule's name (default: what this training learns best)"
    )
    p.add_argument("--hidden-features", type=int, default=256, help="width (default: 256)")
    p.add_argument("--hidden-layers", type=int, help="sine layers after the first (default: 2, audio by length)")
    p.add_argument("--activation", default="sine", choices=["sine", "relu"])
    p.add_argument("--objective", default="mse", help="mse (default), mse_fft or, for sounds, mse_stft")
    p.add_argument("--recipe", help="fast, whole, paper or published (default: by the objective)")
    p.add_argument("--precision", help="bf16: products in bfloat16, faster and less exact")
    p.add_argument("--tiles", action=argparse.BooleanOptionalAction, help="many small networks (default: by size)")
    _training(p)

    p = _command(
        commands, "render", tasks.render, "evaluate a fitted network", "photo.safetensors large.png --scale 2.5"
    )
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
        tasks.poisson,
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

    p = _command(commands, "omega", tasks.omega, "print ω0 for an image or a sound", "photo.png --measure all")
    p.add_argument("input", metavar="IN", help="image or audio file")
    p.add_argument("--measure", help="a measure's name, or all")
    p.add_argument("--scale", type=float, default=4.0, help="scale of ω_HR (default: 4)")

    p = _command(
        commands,
        "reproduce",
        tasks.reproduce,
        "repeat a table or figure of the paper",
        "table7 --data DIR --quick --out results",
    )
    p.add_argument(
        "name",
        metavar="NAME",
        help="figure1, figure3 to figure8, table1 to table7, ratio; or data, which makes the paper's images",
    )
    p.add_argument("--data", type=Path, metavar="DIR", help="folder with the paper's images (table3: its sounds)")
    p.add_argument("--div2k", type=Path, metavar="DIR", help="of data: folder with DIV2K's validation images")
    p.add_argument("--out", type=Path, metavar="DIR", help="folder for NAME.json and NAME.png (of data: the images)")
    p.add_argument("--images", nargs="+", metavar="NAME", help="images to use, such as 0803 (default: the paper's)")
    p.add_argument("--epochs", type=int, help="of every training (default: the paper's)")
    p.add_argument("--quick", action="store_true", help="fewer epochs and images: minutes on two processor cores")
    p.add_argument("--as-published", action="store_true", help="follow the published code, not the paper's text")
    p.add_argument("--prior", metavar="MODULE:FUNCTION", help="another upscaler for table7, as for super-resolve")
    p.add_argument("--device", help="cpu (default), cuda, mps")
    p.add_argument("--seed", type=int, default=0, help="seed of the initial weights (default: 0)")
    p.add_argument("--quiet", action="store_true", help="no lines about what is being done")
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
