"""Make the small pictures of the gallery and of the tutorials, each 480x240 pixels, a few kilobytes.

    python examples/gallery.py docs/images/gallery [NAME...]

The photographs are scikit-image's: Chelsea the cat (Stéfan van der Walt, CC0), an astronaut (NASA, public domain)
and a cup of coffee (Rachel Michetti, CC0). Two pictures are parts of larger ones in the folder above. The example
needs scikit-image and matplotlib.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from siren_sr import derivatives, fit_signal, metrics, solve_poisson, super_resolve
from siren_sr.grids import resampling
from siren_sr.io import read_image

SIZE = (480, 240)
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # of Okabe and Ito, told apart by all eyes


def beside(**pictures: Any) -> Image.Image:
    """Two or three pictures side by side with their names, which may hold underscores for spaces."""
    sheet = Image.new("RGB", SIZE, "white")
    width = (SIZE[0] - 4 * (len(pictures) - 1)) // len(pictures)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for i, (name, picture) in enumerate(pictures.items()):
        left, label = i * (width + 4), name.replace("_", " ").replace("siren sr", "siren_sr")
        # Pixels stay pixels: nothing may look smoother than it is.
        how = Image.Resampling.NEAREST if picture.width <= width else Image.Resampling.LANCZOS
        scale = max(width / picture.width, SIZE[1] / picture.height)
        picture = picture.convert("RGB").resize((round(picture.width * scale), round(picture.height * scale)), how)
        x, y = (picture.width - width) // 2, (picture.height - SIZE[1]) // 2
        sheet.paste(picture.crop((x, y, x + width, y + SIZE[1])), (left, 0))
        box = draw.textbbox((left + 8, SIZE[1] - 24), label, font=font)
        draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), fill="white")
        draw.text((left + 8, SIZE[1] - 24), label, font=font, fill="black")
    return sheet


def drawn(paint: Callable[[Any], None]) -> Image.Image:
    """A diagram of matplotlib's; ``paint`` gets its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((4.8, 2.4), dpi=100, layout="constrained")
    paint(figure.add_subplot())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def as_tensor(picture: np.ndarray) -> torch.Tensor:
    """(H, W, C) bytes as (C, H, W) in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1) / 255


def as_image(picture: torch.Tensor) -> Image.Image:
    """(C, H, W) in [0, 1] as PIL's."""
    return Image.fromarray((picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).squeeze(2).numpy())


def enlarge() -> Image.Image:
    """A photograph at a quarter of its size, enlarged four times."""
    cat = as_tensor(data.chelsea()[40:280, 70:310])
    small = as_image(resampling.resize(cat, (60, 60)))
    return beside(
        bicubic_x4=small.resize((240, 240), Image.Resampling.BICUBIC), siren_sr_x4=super_resolve(small, 4, noise=0)
    )


def mend() -> Image.Image:
    """A JPEG file of quality 15 at its own size, without blocks."""
    stream = io.BytesIO()
    Image.fromarray(data.astronaut()[10:130, 160:280]).save(stream, "JPEG", quality=15)
    image = read_image(stream.getvalue())  # with its tables, which decoded pixels do not have
    return beside(JPEG_of_quality_15=Image.open(stream), mended=super_resolve(image, 1, quality="fast"))


def zoom() -> Image.Image:
    """One network, looked at from ever nearer."""
    fit = fit_signal(Image.fromarray(data.chelsea()[80:200, 110:230]))
    views = (((0, 120), (0, 120)), ((8, 48), (43, 83)), ((12, 25), (57, 70)))
    names = ("whole", "3_times_nearer", "9_times_nearer")
    return beside(**{name: fit.render(region=view, size=(240, 240)) for name, view in zip(names, views, strict=True)})


def poisson() -> Image.Image:
    """A photograph, found again from its Laplacian."""
    image = as_tensor(data.coffee()[60:340:2, 130:410:2])
    given = derivatives.image_laplacian(image)
    found = solve_poisson(laplacian=given, mean=image.mean((1, 2)), steps=100)
    name = f"found,_{metrics.psnr(found, image):.1f}_dB"
    return beside(**{"its_Laplacian": as_image(given.mean(0, keepdim=True) * 0.5 + 0.5), name: as_image(found)})


def texture() -> Image.Image:
    """Four copies of a texture, as it is and enlarged four times: the borders of copies meet."""
    y, x = np.mgrid[:32, :32]
    odd = (y // 8) % 2 == 1
    mortar = (y % 8 == 0) | ((x + 8 * odd) % 16 == 0)
    shade = np.where(mortar, 210, 120 + 15 * ((x + 8 * odd) // 16 % 2))
    tile = np.stack([shade, shade * 0.8, shade * 0.7], 2).astype(np.uint8)
    larger = np.asarray(super_resolve(Image.fromarray(tile), 4, noise=0, quality="fast", boundary="wrap"))
    four, fours = np.tile(tile, (2, 2, 1)), np.tile(larger, (2, 2, 1))
    return beside(four_copies=Image.fromarray(four), of_the_enlarged_one=Image.fromarray(fours))


def sound() -> Image.Image:
    """A few milliseconds of a sound and of its network, between the samples too."""
    rate = 8000
    t = np.arange(rate) / rate
    wave = 0.4 * np.sin(2 * np.pi * 440 * t) * np.exp(-3 * t) + 0.2 * np.sin(2 * np.pi * 1870 * t) * np.exp(-5 * t)
    fit = fit_signal(wave.astype(np.float32), sample_rate=rate)
    fine = fit.render(scale=8)

    def paint(axes: Any) -> None:
        axes.plot(t[:48] * 1000, wave[:48], "o", color=ORANGE, markersize=4, label="samples")
        axes.plot((np.arange(384) + 0.5) / 8 / rate * 1000 - 500 / rate, fine[:384], color=BLUE, label="network")
        axes.set_xlabel("milliseconds")
        axes.legend(loc="upper right", fontsize=8)

    return drawn(paint)


def initializer() -> Image.Image:
    """What the initializer of the hidden layers does to a training."""
    image = as_tensor(data.chelsea()[80:176, 110:206])
    styles = {"sitzmann": (BLUE, "-"), "xavier": (ORANGE, "--"), "he": (GREEN, ":")}
    fits = {name: fit_signal(image, hidden_init=name, tiles=False, steps=25) for name in styles}

    def paint(axes: Any) -> None:
        for name, fit in fits.items():
            colour, line = styles[name]
            axes.plot([entry.step for entry in fit.history], [entry.psnr for entry in fit.history], line, color=colour)
            axes.plot([], [], line, color=colour, label=name)
        axes.set_xlabel("passes over the image")
        axes.set_ylabel("PSNR, dB")
        axes.legend(fontsize=8)

    return drawn(paint)


def drawings() -> Image.Image:
    """The text of the ten drawn pictures."""
    with Image.open(Path(__file__).parents[1] / "docs" / "images" / "not-photographs.webp") as picture:
        return beside(bicubic_x3=picture.crop((246, 2, 482, 238)), siren_sr_x3=picture.crop((490, 2, 726, 238)))


def cropped(name: str, box: tuple[int, int, int, int]) -> Image.Image:
    """A part of one of the documentation's larger pictures."""
    with Image.open(Path(__file__).parents[1] / "docs" / "images" / name) as picture:
        return picture.convert("RGB").crop(box).resize(SIZE, Image.Resampling.LANCZOS)


PICTURES = {
    "enlarge": enlarge,
    "mend": mend,
    "zoom": zoom,
    "poisson": poisson,
    "texture": texture,
    "sound": sound,
    "initializer": initializer,
    "compositing": lambda: cropped("compositing.png", (336, 30, 496, 110)),
    "drawings": drawings,
}


def main(folder: str, names: list[str]) -> None:
    """Write the pictures of these names."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        path = Path(folder, f"{name}.webp")
        PICTURES[name]().save(path, quality=80, method=6)
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or list(PICTURES))
