"""What a visitor does on the page, from the upload to the download, in a browser."""

import re
import urllib.error
import urllib.request

import numpy as np
import pytest
import soundfile
from PIL import Image
from problems import eight_bit, picture

from siren_sr import Fit, io, super_resolve

NEW = "const line = document.querySelector(id + ' .job:not([data-old])')"
ENDED = f"id => {{ {NEW}; return line && !line.querySelector('.track') }}"
OLD = "id => { document.querySelector(id + ' .job').dataset.old = true }"


def said(page, tab):
    """What the line of a tab says once nothing goes on."""
    page.wait_for_function(ENDED, arg=f"#{tab}-status")
    return page.locator(f"#{tab}-status").inner_text()


def run(page, tab):
    """Press the button, and return what is said at the end."""
    page.evaluate(OLD, f"#{tab}-status")  # what is said already is not the answer
    page.locator(f"#{tab}-go").click()
    return said(page, tab)


def choose(page, box, path):
    """Upload a file."""
    page.locator(f"{box} input[type=file]").set_input_files(path)
    page.locator(box).get_by_text(path.stem).first.wait_for()


def download(page, button, folder):
    """Press a button that downloads, and return the file."""
    with page.expect_download() as waiting:
        page.locator(button).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_photograph_is_enlarged_compared_downloaded_and_explored(page, photo, tmp_path):
    choose(page, "#photo", photo)
    page.get_by_label("fast").check()
    assert run(page, "enlarge") == "32 x 24 became 64 x 48 pixels."
    loaded = "[...document.querySelectorAll('#slider img')].filter(i => i.complete && i.naturalWidth).length == 2"
    page.wait_for_function(loaded)
    sizes = page.evaluate("[...document.querySelectorAll('#slider img')].map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[64, 48], [64, 48]]  # upright, at full resolution
    found = page.locator("#found").inner_text()
    assert "JPEG of quality 80" in found
    assert "EXIF orientation 6" in found

    result = download(page, "#download-picture", tmp_path)
    assert (result.name, io.read_image(result).orientation) == ("photo_x2.png", 6)
    network = download(page, "#download-network", tmp_path)
    fit = Fit.load(network)
    wanted = super_resolve(photo, 2, quality="fast", noise="auto", return_fit=True)
    assert np.array_equal(io.read_image(result).pixels, np.asarray(wanted.render(scale=2)))
    assert fit.degradation.compression.quality == 80
    assert np.array_equal(np.asarray(fit.render(scale=3)), np.asarray(wanted.render(scale=3)))

    page.locator("#explore-it").click()
    page.locator("#view img").wait_for()
    assert said(page, "explore").startswith("1 times enlarged")
    page.locator("#view img").click(position={"x": 5, "y": 5})
    page.wait_for_function("document.querySelector('#explore-status').innerText.startsWith('2 times')")
    assert "rows 0.0 to 12.0 of 24, columns 0.0 to 16.0 of 32" in said(page, "explore")


def test_a_saved_fit_is_rendered_where_it_is_looked_at(page, tmp_path):
    path = tmp_path / "fit.safetensors"
    fit = super_resolve(Image.fromarray(eight_bit(picture(24, 32))), 2, quality="fast", steps=2, return_fit=True)
    fit.save(path)
    page.get_by_role("tab", name="Explore").click()
    choose(page, "#fit", path)
    page.locator("#view img").wait_for()
    for name, place in (("Zoom in", "rows 6.0"), ("Right", "columns 16.0"), ("Down", "rows 12.0 to 24.0")):
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_text(place).wait_for()
    page.get_by_label("number input for Pixels").fill("256")
    page.locator("#render-part").click()
    page.get_by_text("Rendered 256 x 192 pixels.").wait_for()
    part = Image.open(download(page, "#download-part", tmp_path))
    region = [(12.0, 24.0), (16.0, 32.0)]
    assert np.array_equal(np.asarray(part), np.asarray(fit.render(size=(192, 256), region=region)))


def test_what_cannot_be_read_is_told(page, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    choose(page, "#photo", broken)
    text = run(page, "enlarge")
    assert "is not a readable image" in text
    assert page.locator("#enlarge-status [role=alert]").count() == 1
    assert page.locator("#enlarge-go").is_enabled()
    no_fit = tmp_path / "no.safetensors"
    no_fit.write_bytes(b"nothing")
    page.get_by_role("tab", name="Explore").click()
    choose(page, "#fit", no_fit)
    page.locator("#explore-status [role=alert]").wait_for()


def test_without_a_file_nothing_begins(page):
    assert "no photograph yet" in run(page, "enlarge")


def test_a_file_that_is_too_large_is_refused(page, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(bytes(400_000))
    page.locator("#photo input[type=file]").set_input_files(large)
    page.get_by_text("exceed the maximum").first.wait_for()


def test_work_is_cancelled_and_makes_place_for_other_work(page, photo, tmp_path):
    slow = tmp_path / "slow.png"
    Image.fromarray(eight_bit(picture(64, 64))).save(slow)
    choose(page, "#photo", slow)
    page.get_by_label("best").check()
    page.locator("#enlarge-go").click()
    page.get_by_text(re.compile(r"step \d+ of")).wait_for()
    page.locator("#enlarge-cancel").click()
    page.get_by_text("Cancelled.").wait_for()
    assert not page.locator("#slider img").count()
    assert page.locator("#enlarge-cancel").is_disabled()
    page.locator("#photo").get_by_label("Clear").click()
    choose(page, "#photo", photo)
    page.get_by_label("fast").check()
    page.get_by_label("Also train the network").uncheck()
    assert "64 x 48" in run(page, "enlarge")
    assert page.locator("#explore-it").is_disabled()


def test_work_ends_when_its_page_is_closed(served, page, browser, tmp_path):
    slow = tmp_path / "slow.png"
    Image.fromarray(eight_bit(picture(64, 64))).save(slow)
    other = browser.new_page()
    other.goto(served.url)
    choose(other, "#photo", slow)
    other.get_by_label("best").check()
    other.locator("#enlarge-go").click()
    other.get_by_text(re.compile(r"step \d+ of")).wait_for()
    assert any(served.folder.glob("*/work/*"))
    other.close()
    for _ in range(600):
        if not any(served.folder.glob("*/work/*")):
            break
        page.wait_for_timeout(100)
    assert not any(served.folder.glob("*/work/*"))


def test_pictures_are_rebuilt_and_blended(page, tmp_path):
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    Image.fromarray(eight_bit(picture(32, 32))).save(first)
    Image.fromarray(eight_bit(picture(20, 30)[0])).save(second)
    page.get_by_role("tab", name="Rebuild").click()
    for label, number in (("Longer side", "32"), ("Steps", "10")):
        page.get_by_label(f"number input for {label}").fill(number)
    choose(page, "#poisson-first", first)
    assert "dB between the picture and what was rebuilt from its gradient" in run(page, "poisson")
    choose(page, "#poisson-second", second)
    assert run(page, "poisson") == "The two pictures are blended."


def test_a_sound_is_learned_and_played(page, tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(4000) * 0.3), 4000, subtype="PCM_16")
    page.get_by_role("tab", name="Sound").click()
    choose(page, "#sound-file", path)
    text = run(page, "sound")
    assert "gives the sound back with" in text
    assert float(text.split()[-2]) > 30
    assert "1.00 s of 4000 Hz" in page.locator("#sound-found").inner_text()
    page.locator("#sound-after").get_by_label("Play").first.wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    for tab in ("Enlarge", "Explore", "Rebuild", "Sound"):
        if not page.get_by_role("tab", name=tab).is_visible():
            page.locator(".overflow-menu button").first.click()
            page.locator(".overflow-dropdown button", has_text=tab).click()
        else:
            page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("path", "host", "code"),
    [
        ("", "elsewhere.example", 400),  # a name that was made to lead to this machine
        ("gradio_api/file=/etc/passwd", None, 403),
        ("", None, 200),
    ],
)
def test_what_is_answered(served, path, host, code):
    request = urllib.request.Request(served.url + path, headers={} if host is None else {"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            got, headers = answer.status, answer.headers
    except urllib.error.HTTPError as error:
        got, headers = error.code, error.headers
    assert got == code
    if code == 200:
        assert "default-src 'self'" in headers["content-security-policy"]
