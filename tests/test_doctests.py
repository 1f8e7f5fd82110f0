"""The examples of the docstrings, run on the package as it is installed."""

import doctest
import importlib
import pkgutil

import pytest

import siren_sr

MODULES = ["siren_sr", *(m.name for m in pkgutil.walk_packages(siren_sr.__path__, "siren_sr."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples of {name} failed"
