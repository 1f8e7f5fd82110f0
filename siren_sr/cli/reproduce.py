"""``siren-sr reproduce``: repeat a table or figure of the paper, or make its images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from siren_sr import io
from siren_sr.cli.arguments import add_device, command, users_upscaler
from siren_sr.cli.output import add_no_clobber, check_free, writing
from siren_sr.cli.screen import show, tell


def add(commands: Any) -> None:
    """Add the command."""
    p = command(
        commands,
        "reproduce",
        run,
        "repeat a table or figure of the paper",
        "table7 --data DIR --quick --out results",
        ("--data", "--out", "--images", "--quick", "--quiet"),
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
    add_no_clobber(p)
    add_device(p)
    p.add_argument("--seed", type=int, default=0, help="seed of the initial weights (default: 0)")
    p.add_argument("--quiet", action="store_true", help="no lines about what is being done")


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    # Only this command needs the experiments.
    from siren_sr.reproduce import EXPERIMENTS, Setup, data

    if a.name == "data":
        if a.div2k is None or a.out is None:
            raise ValueError("reproduce data needs --div2k, where DIV2K's validation images are, and --out")
        names = a.images or data.NAMES
        check_free(a, *(a.out / f"{name}{end}.png" for name in names for end in ("", "x4")))
        for file in data.build(a.div2k, a.out, names):
            show(str(file))
        return 0
    if a.name not in EXPERIMENTS:
        raise ValueError(f"{a.name!r} is unknown: use data or one of {', '.join(EXPERIMENTS)}")
    if a.epochs is not None and a.epochs < 1:
        raise ValueError(f"--epochs must be >= 1, got {a.epochs}")
    if a.prior is not None and a.name != "table7":
        raise ValueError(f"--prior is for table7, {a.name} has no use for it")
    files = () if a.out is None else (a.out / f"{a.name}.json", a.out / f"{a.name}.png")
    check_free(a, *files)
    if a.out is not None:  # before hours of training
        a.out.mkdir(parents=True, exist_ok=True)
        io.check_folder(a.out / f"{a.name}.json")
    with users_upscaler(a.prior) as prior:
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
                tell=(lambda line: None) if a.quiet else (lambda line: tell(f"{line}\n")),
            )
        )
    try:
        if a.out is not None:
            with writing(a, *files):
                report.save(a.out, a.name)
    finally:
        show(report.text())
    for file in files:
        show(f"\nwritten: {file}")
    return 0
