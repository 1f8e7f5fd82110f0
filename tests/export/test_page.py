"""The page of a fit, looked at in a browser: its shader shows what the fit renders, wherever one looks."""

import base64
import dataclasses
import io
import json
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from problems import SMALL, eight_bit, picture

from siren_sr import Siren, fit_signal
from siren_sr.export import FitModule, export_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as found:
        yield found


@pytest.fixture(scope="module")
def window(browser):
    page = browser.new_page()
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    return page


@pytest.fixture
def opened(window, tmp_path):
    """A function that opens the page of a fit in a window of (rows, columns) pixels."""

    def open_page(fit, size):
        export_page(fit, tmp_path / "a.html")
        window.asked.clear()
        window.set_viewport_size({"height": size[0], "width": size[1]})
        window.goto((tmp_path / "a.html").as_uri())
        done(window)
        assert window.asked == [(tmp_path / "a.html").as_uri()]  # it fetches nothing
        return window

    return open_page


def done(page):
    page.wait_for_function("['done', 'failed'].includes(document.body.dataset.state)", timeout=60_000)
    assert page.inner_text("#trouble") == ""


def seen(page):
    """The pixels of the canvas, (H, W, 3)."""
    data = page.evaluate("canvas.toDataURL()").partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def expected(page, fit):
    """What the fit is where the page looks, by `FitModule`, in levels of 255, (H, W, 3)."""
    left, top, step, columns, rows = page.evaluate("[view.left, view.top, view.step, canvas.width, canvas.height]")
    height, width = fit.shape
    x = left + (torch.arange(columns, dtype=torch.float64) + 0.5) * step
    y = top + (torch.arange(rows, dtype=torch.float64) + 0.5) * step
    inset = 0.5 if fit.align_corners else 0.0
    x, y = (2 * (p - inset) / (n - 2 * inset) - 1 for p, n in ((x, width), (y, height)))
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)
    with torch.no_grad():
        values = FitModule(fit)(points.to(fit.model.dtype)).reshape(rows, columns, -1).double().numpy()
    return np.broadcast_to((values / fit.origin.full * 255).round(), (rows, columns, 3))


@pytest.mark.parametrize("kind", ["image", "corners", "base", "relu"])
def test_the_shader_shows_the_fit(kind, fit_of, opened):
    fit = fit_of(kind)
    page = opened(fit, [3 * n for n in fit.shape])
    everything = seen(page)
    assert np.abs(everything - expected(page, fit)).max() <= 2
    if not fit.align_corners:
        rendered = np.asarray(fit.render(scale=3), dtype=float)
        if isinstance(fit.render(), torch.Tensor):
            rendered = np.moveaxis(255 * rendered, 0, -1).round()
        assert np.abs(everything - rendered).max() <= 2


def test_a_visitor_zooms_and_moves(fit_of, opened):
    fit = fit_of("wrapping tiles")
    page = opened(fit, [3 * n for n in fit.shape])
    everything, step = seen(page), page.evaluate("view.step")
    page.mouse.move(12, 14)
    page.mouse.wheel(0, -600)
    page.wait_for_function(f"view.step < {step / 4}")
    page.mouse.down()
    page.mouse.move(9, 12)
    page.mouse.up()
    done(page)
    closer = seen(page)
    assert np.abs(closer - expected(page, fit)).max() <= 2
    assert np.abs(closer - everything).max() > 20  # it is another part
    page.focus("canvas")
    page.keyboard.press("0")
    done(page)
    assert np.array_equal(seen(page), everything)
    page.keyboard.press("+")
    page.wait_for_function(f"view.step < {step / 1.4}")


@pytest.mark.parametrize("channels", [2, 4])
def test_gray_and_transparency(channels, opened):
    image = picture(8, 10, channels=channels)
    image[-1] = torch.linspace(0, 1, 10)
    fit = fit_signal(eight_bit(image), steps=20, **SMALL)
    page = opened(fit, (24, 30))
    found = seen(page)
    pixels = np.asarray(fit.render(scale=3), dtype=float).reshape(24, 30, -1)
    colours = np.broadcast_to(pixels[..., : 3 if channels == 4 else 1], (24, 30, 3))
    opaque = pixels[..., -1:] / 255
    wanted = opaque * colours + (1 - opaque) * np.array([32, 36, 44])
    assert np.abs(found - wanted).max() <= 2


def test_what_wraps_goes_on_and_what_does_not_ends(fit_of, opened):
    for kind, goes_on in (("wrapping", True), ("image", False)):
        fit = fit_of(kind)
        page = opened(fit, [2 * n for n in fit.shape])
        inside = seen(page)
        page.evaluate("move(canvas.width, 0)")  # one period to the right
        done(page)
        found = seen(page)
        if goes_on:
            assert np.abs(found - inside).max() <= 2
        else:
            assert (found == [32, 36, 44]).all()


def test_a_device_without_webgl_is_told(fit_of, browser, tmp_path):
    export_page(fit_of("image"), tmp_path / "a.html")
    page = browser.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto((tmp_path / "a.html").as_uri())
    assert page.inner_text("#trouble") == "This page needs WebGL 2, which this browser does not offer."
    page.close()


def test_the_page_says_what_it_is(fit_of, tmp_path):
    export_page(fit_of("tiles"), tmp_path / "a.html", title="<b>Moon</b> & stars")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<title>&lt;b&gt;Moon&lt;/b&gt; &amp; stars</title>" in text
    (told,) = re.findall(r'<script type="application/json" id="fit">(.*?)</script>', text)
    assert json.loads(told)["shape"] == [21, 30]
    assert not re.search(r"https?://", text)
    export_page(fit_of("tiles"), tmp_path / "moon.html")
    assert "<title>moon</title>" in (tmp_path / "moon.html").read_text(encoding="utf-8")


def test_refused(fit_of, tmp_path):
    path = tmp_path / "a.html"
    with pytest.raises(ValueError, match=r"must end in .html, got 'a.pdf'"):
        export_page(fit_of("image"), "a.pdf")
    with pytest.raises(ValueError, match="this fit has 1 axes and 1 channels: use export_onnx"):
        export_page(fit_of("sound"), path)
    with pytest.raises(TypeError, match="made of a Fit, got Siren"):
        export_page(Siren(2, 3), path)  # pyright: ignore
    wide = dataclasses.replace(fit_of("image"), model=Siren(2, 3, hidden_features=300, hidden_layers=0))
    with pytest.raises(ValueError, match="layers of 300 units are too wide for a page, which takes 256: fit tiles"):
        export_page(wide, path)
    own = dataclasses.replace(fit_of("image"), model=Siren(2, 3, hidden_features=8, activation=torch.tanh))
    with pytest.raises(ValueError, match='a page knows the activations "sine" and "relu"'):
        export_page(own, path)
    large = dataclasses.replace(fit_of("image"), base=torch.zeros(1).expand(3, 2400, 2400))
    with pytest.raises(ValueError, match="a page holds 16777216: fit a part of the image, or render it"):
        export_page(large, path)
    assert list(tmp_path.iterdir()) == []
