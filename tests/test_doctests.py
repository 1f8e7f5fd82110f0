"""The examples of the docstrings, run on the package as it is installed."""

import doctest
import importlib
import pkgutil

import pytest

import siren_sr

WIDGETS = "siren_sr.demo.tabs."
"""These modules import an extra, which leaves event loops open as it is imported."""

FOUND = [m.name for m in pkgutil.walk_packages(siren_sr.__path__, "siren_sr.")]
MODULES = ["siren_sr", *(name for name in FOUND if not name.startswith(WIDGETS))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples of {name} failed"
