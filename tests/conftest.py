"""What the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import settings
from problems import DATA

# Timings of a shared machine are no property of the code; the same examples every time are.
settings.register_profile("siren_sr", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("siren_sr")

# Small tensors gain nothing from threads, and lose much where other work shares the processor.
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A generator with a fixed seed."""
    return torch.Generator().manual_seed(1234)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the paper's data; tests that need it are skipped without it."""
    if not DATA.is_dir():
        pytest.skip("needs the paper's data: set SIREN_SR_DATA to its folder")
    return DATA


@pytest.fixture(autouse=True)
def _global_rng_untouched():
    """No function of the library may touch the global random state."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state()), "the global random state was touched"
