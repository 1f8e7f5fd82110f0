"""What the page says beside pictures, as HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

from siren_sr.demo.desk import HaltedError, Report
from siren_sr.fitting.degradation import Degradation
from siren_sr.fitting.fit import Fit
from siren_sr.network.siren import Siren

ORDINARY = (ValueError, TypeError, OSError, EOFError, MemoryError, RuntimeError, ImportError)
"""The kinds of errors whose text says what is wrong; of others the kind is told too."""

LATE = "The time allowed was used up: this is what was reached by then."
CANCELLED = "Cancelled."


def bar(report: Report) -> str:
    """A progress bar with words."""
    value = "" if report.fraction is None else f' aria-valuenow="{100 * report.fraction:.0f}"'
    inner = f'<div style="width: {100 * (report.fraction or 0):.1f}%"></div>'
    track = f'<div class="track" role="progressbar" aria-label="Progress"{value}>{inner}</div>'
    return f'<div class="job" role="status">{track}<p>{html.escape(report.text)}</p></div>'


def note(text: str) -> str:
    """A sentence on how it went."""
    return f'<div class="job" role="status"><p>{html.escape(text)}</p></div>'


def problem(error: BaseException) -> str:
    """Why there is no result.

    Examples:
        >>> problem(ValueError("a < b"))
        '<div class="job problem" role="alert"><p>a &lt; b</p></div>'
    """
    if isinstance(error, HaltedError):
        return note(CANCELLED)
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError):
        text = f"Not enough memory: {text}"
    elif not isinstance(error, ORDINARY):
        text = f"Unexpected {type(error).__name__}: {text}"
    return f'<div class="job problem" role="alert"><p>{html.escape(text)}</p></div>'


def table(rows: Mapping[str, str]) -> str:
    """What was found, line by line."""
    lines = (f"<tr><th>{html.escape(key)}</th><td>{html.escape(text)}</td></tr>" for key, text in rows.items())
    return f'<table class="found">{"".join(lines)}</table>'


def of_degradation(found: Degradation) -> dict[str, str]:
    """How an image came about, in words."""
    jpeg, kernel = found.compression, found.kernel
    compression = "none found"
    if jpeg is not None:
        sub = f", {jpeg.subsampling}" if jpeg.subsampling and jpeg.colour != "gray" else ""
        compression = f"JPEG of quality {jpeg.quality}, {jpeg.colour}{sub}"
    if isinstance(kernel, str):
        made = kernel
    elif isinstance(kernel, float):
        made = f"a Gaussian of {kernel:.2f} pixels of the result"
    else:
        made = "a Gaussian that is wider in one direction"
    return {
        "Compression": compression,
        "Noise": f"{255 * found.noise:.1f} levels of 255" if found.noise else "none found",
        "Made small by": made,
    }


def of_network(fit: Fit) -> dict[str, str]:
    """A network in words."""
    count = sum(p.numel() for p in fit.model.parameters())
    text = {"Network": f"{count:,} parameters".replace(",", " ")}
    if math.isfinite(fit.psnr):
        text["Its PSNR"] = f"{fit.psnr:.2f} dB"
    if isinstance(fit.model, Siren):  # that of tiles is in the weights, and is another one in every tile
        text["Its ω0"] = f"{fit.model.first_omega_0:.1f}"
    return text
