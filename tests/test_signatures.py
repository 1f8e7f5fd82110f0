"""The options of every task stand in one dataclass: its signature has the same names, in both the same defaults."""

import dataclasses
import inspect

import pytest

from siren_sr import fit_signal, solve_poisson, super_resolve
from siren_sr.fitting.options import FitOptions
from siren_sr.poisson.options import PoissonOptions
from siren_sr.superres.options import SuperResolveOptions

TASKS = [
    pytest.param(fit_signal, FitOptions, {"signal"}, id="fit_signal"),
    pytest.param(solve_poisson, PoissonOptions, {"gradient", "laplacian"}, id="solve_poisson"),
    pytest.param(super_resolve, SuperResolveOptions, {"image"}, id="super_resolve"),
]


@pytest.mark.parametrize(("task", "options", "data"), TASKS)
def test_a_task_and_its_options_agree(task, options, data):
    parameters = inspect.signature(task).parameters
    assert data <= set(parameters)
    signature = {name: p.default for name, p in parameters.items() if name not in data}
    assert signature == {field.name: field.default for field in dataclasses.fields(options)}


@pytest.mark.parametrize(("task", "options", "data"), TASKS)
def test_options_are_given_by_name(task, options, data):
    by_position = {name for name, p in inspect.signature(task).parameters.items() if p.kind != p.KEYWORD_ONLY}
    assert by_position <= data | {"scale"}
    with pytest.raises(TypeError, match="positional argument"):
        options(None)


@pytest.mark.parametrize(("task", "options", "data"), TASKS)
def test_defaults_pass_their_own_checks_and_cannot_be_changed(task, options, data):
    defaults = options()
    with pytest.raises(dataclasses.FrozenInstanceError):
        defaults.steps = 3
