"""What the tests of the command line share."""

import pytest
from PIL import Image
from problems import eight_bit, picture


@pytest.fixture
def photo(tmp_path):
    """A tiny RGB picture."""
    path = tmp_path / "photo.png"
    Image.fromarray(eight_bit(picture(10, 12))).save(path)
    return path
