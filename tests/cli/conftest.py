"""What the tests of the command line share."""

import signal

import pytest
from PIL import Image
from problems import eight_bit, picture


@pytest.fixture
def photo(tmp_path):
    """A tiny RGB picture."""
    path = tmp_path / "photo.png"
    Image.fromarray(eight_bit(picture(10, 12))).save(path)
    return path


@pytest.fixture(autouse=True)
def _signals_are_heard():
    """The tests may themselves run where signals are ignored, as under nohup."""
    usual = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
    previous = {n: signal.signal(getattr(signal, n), handler) for n, handler in usual.items() if hasattr(signal, n)}
    yield
    for name, handler in previous.items():
        signal.signal(getattr(signal, name), handler)
