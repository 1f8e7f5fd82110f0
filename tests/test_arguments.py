"""The checks of arguments: what they accept and give back, and what they say of all else."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
import torch

from siren_sr import arguments

NO_NUMBERS = [True, np.True_, "3", None, [3], 3j, torch.tensor(3)]


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_count_is_a_whole_number_of_python(value):
    assert type(arguments.count("steps", value)) is int
    assert arguments.count("steps", value, least=3) == 3


@pytest.mark.parametrize("value", [*NO_NUMBERS, 3.0, np.float32(3)])
def test_what_is_no_count(value):
    with pytest.raises(TypeError, match=r"^steps must be an integer >= 1, got ") as caught:
        arguments.count("steps", value)
    assert str(caught.value).endswith(repr(value))


@pytest.mark.parametrize(("least", "value"), [(1, 0), (0, -1), (1, np.int64(-7))])
def test_a_count_has_a_least_value(least, value):
    with pytest.raises(ValueError, match=rf"^steps must be >= {least}, got {value}$"):
        arguments.count("steps", value, least=least)
    assert arguments.count("steps", least, least=least) == least


@pytest.mark.parametrize("value", [0.5, 2, np.float32(0.5), np.int16(2), Fraction(1, 2)])
def test_a_real_number_of_any_type_becomes_one_of_python(value):
    found = arguments.real("noise", value, what="a number")
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_real_number(value):
    with pytest.raises(TypeError, match=r"^noise must be a number of dB, got ") as caught:
        arguments.real("noise", value, what="a number of dB")
    assert str(caught.value).endswith(repr(value))


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_a_flag_is_true_or_false(value):
    assert arguments.flag("align_corners", value) is bool(value)


@pytest.mark.parametrize("value", [1, 0, "yes", None, np.int64(1)])
def test_what_is_no_flag(value):
    with pytest.raises(TypeError, match=r"^align_corners must be True or False, got ") as caught:
        arguments.flag("align_corners", value)
    assert str(caught.value).endswith(repr(value))


def test_a_choice_is_one_of_the_names():
    assert arguments.choice("quality", "fast", ("standard", "fast")) == "fast"
    with pytest.raises(ValueError, match=r"^quality='great' is unknown: use one of \['fast', 'standard'\]$"):
        arguments.choice("quality", "great", ("standard", "fast"))
    for value in (3, None, True, ["fast"]):
        with pytest.raises(TypeError, match=r"^quality must be one of \['fast', 'standard'\], got "):
            arguments.choice("quality", value, {"standard": 1, "fast": 2})


def test_a_name_is_resolved_and_a_callable_is_taken_as_it_is():
    known = {"sum": sum, "most": max}
    assert arguments.resolve("how", "most", known, what="a function") is max
    assert arguments.resolve("how", min, known, what="a function") is min
    with pytest.raises(ValueError, match=r"^how='mean' is unknown: use one of \['most', 'sum'\] or a function$"):
        arguments.resolve("how", "mean", known, what="a function")
    with pytest.raises(TypeError, match=r"^how must be a name or a function, got int$"):
        arguments.resolve("how", 3, known, what="a function")


def test_a_callable_may_be_left_out():
    assert arguments.optional_callable("callback", None, what="a function") is None
    assert arguments.optional_callable("callback", len, what="a function") is len
    for value, kind in ((3, "int"), ("len", "str"), (False, "bool")):
        with pytest.raises(TypeError, match=rf"^callback must be a function, got {kind}$"):
            arguments.optional_callable("callback", value, what="a function")


def test_a_generator_is_one_of_the_cpu_or_none():
    generator = torch.Generator()
    assert arguments.generator(None) is None
    assert arguments.generator(generator) is generator
    for value, kind in ((3, "int"), (np.random.default_rng(0), "Generator"), (True, "bool")):
        with pytest.raises(TypeError, match=rf"^generator must be a torch\.Generator, got {kind}$"):
            arguments.generator(value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_generator_of_another_device():
    with pytest.raises(ValueError, match=r"^generator must be on the CPU, got one on cuda"):
        arguments.generator(torch.Generator("cuda"))


def test_without_a_generator_there_is_a_fresh_one_of_seed_0():
    expected = torch.rand(3, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        assert torch.equal(torch.rand(3, generator=arguments.seeded(None)), expected)
    generator = torch.Generator()
    assert arguments.seeded(generator) is generator


def test_a_device_is_one_that_can_compute():
    assert arguments.device(None) is None
    assert arguments.device("cpu") == arguments.device(torch.device("cpu")) == torch.device("cpu")
    for value in ("nowhere", "meta", "cpu:x"):
        with pytest.raises(ValueError, match=rf'^device="{value}" cannot be used here \(.+\): use "cpu"$'):
            arguments.device(value)
    for value in (3, 3.5, True):
        with pytest.raises(TypeError, match=r'^device must be a name, such as "cpu" or "cuda", or a torch\.device, '):
            arguments.device(value)


def test_an_option_is_a_field_with_its_help():
    @dataclasses.dataclass(frozen=True)
    class Options:
        steps: int = arguments.option(5, "how many", one_network=True)
        mean: float | None = arguments.option()

    assert Options() == Options(steps=5, mean=None)
    steps, mean = dataclasses.fields(Options)
    assert dict(steps.metadata) == {"help": "how many", "one_network": True}
    assert mean.metadata["help"] == ""
