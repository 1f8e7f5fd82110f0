"""The page as its users have it: the command serves it, and a browser without a window shows it."""

import shutil

import numpy as np
import pytest
from PIL import Image
from problems import eight_bit, picture
from serving import Served


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The page, for all tests."""
    pytest.importorskip("gradio")
    with Served(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(served, browser):
    """A visit; what it asks for elsewhere and what fails in it is an error at its end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, asked, failed = context.new_page(), [], []
    page.set_default_timeout(60_000)  # for machines with much else to do
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(served.url)
    page.locator("#enlarge-status").wait_for()
    yield page
    context.close()
    elsewhere = [url for url in asked if not url.startswith((served.url, "data:", "blob:"))]
    assert asked
    assert elsewhere == failed == []


@pytest.fixture
def photo(tmp_path):
    """A JPEG file of quality 80, 32 x 24 pixels as it is seen, which lies on its side in the file."""
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(eight_bit(picture(24, 32)), 1).copy()).save(path, quality=80, exif=exif)
    return path
