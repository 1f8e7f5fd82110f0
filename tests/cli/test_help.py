"""What ``siren-sr COMMAND --help`` says of a default is the default: of the argument, and of the task's option."""

import dataclasses
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import siren_sr
from siren_sr import Fit, arguments, fleet, omega
from siren_sr.cli import build_parser
from siren_sr.demo import Limits, Server
from siren_sr.fitting.options import FitOptions
from siren_sr.poisson.options import PoissonOptions
from siren_sr.reproduce import Setup
from siren_sr.superres.options import SuperResolveOptions
from siren_sr.superres.task import DEFAULT_SCALE


def defaults(options):
    return {field.name: field.default for field in dataclasses.fields(options)}


def signature(function):
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


LIMITS = defaults(Limits)

TASKS = {
    "super-resolve": signature(fleet.run) | defaults(SuperResolveOptions),
    "fit": defaults(FitOptions),
    "render": signature(Fit.render) | signature(Fit.load),
    "export": {},
    "poisson": defaults(PoissonOptions),
    "omega": signature(omega.omega_hr),
    "inspect": signature(omega.omega_hr),
    "demo": signature(Server) | {f"max_{name}": value for name, value in LIMITS.items()} | LIMITS,
    "reproduce": defaults(Setup),
}
"""The defaults of what each command calls."""

OWN = {
    "quiet": False,  # no option of a task: what the command says
    "resume": False,
    "seed": arguments.seeded(None).initial_seed(),
    "help": "==SUPPRESS==",
    "help_all": "==SUPPRESS==",
    "traceback": False,
    "no_clobber": False,
    "strip": False,
    "plot": None,
    ("fit", "omega"): FitOptions().omega_0,
    ("super-resolve", "ray"): None,
    ("super-resolve", "no_recursive"): False,
    ("poisson", "of"): "gradient",
    ("poisson", "no_mean"): False,
    ("poisson", "mean_gradient"): False,  # taken from the image where it is asked for
    ("omega", "measure"): None,
    "json": False,
    "jpeg_quality": None,
    ("render", "format"): None,
    ("poisson", "format"): None,
    ("demo", "open"): None,
    ("reproduce", "div2k"): None,
    ("reproduce", "out"): None,
}
"""Arguments that are no option of that name."""

SAID = {
    ("super-resolve", "--scale"): str(DEFAULT_SCALE),
    ("render", "--scale"): "1",
    ("omega", "--scale"): "4",
    ("inspect", "--scale"): "4",
}
"""Defaults that the help says in another way than the argument's own, which is None or a number of another type."""


def arguments_of(command):
    """The arguments of a command that begin with a dash, by their names."""
    return {action.option_strings[-1]: action for action in _parser(command)._actions if action.option_strings}


def _parser(command):
    (commands,) = (action for action in build_parser()._actions if action.choices and "fit" in action.choices)
    return commands.choices[command]


@pytest.mark.parametrize("command", TASKS)
def test_an_argument_has_the_default_of_the_option(command):
    for argument in arguments_of(command).values():
        name = argument.dest
        expected = OWN.get((command, name), OWN.get(name, TASKS[command].get(name, "no such option")))
        assert argument.default == expected, name


@pytest.mark.parametrize("command", TASKS)
def test_the_help_says_the_default(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        build_parser().parse_args([command, "--help-all" if _parser(command).usual else "--help"])
    text = capsys.readouterr().out.split("\noptions:\n")[1].split("\nexample:\n")[0]
    entries = re.split(r"^  (?=-)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(arguments_of(command))
    for entry, (flag, argument) in zip(entries, arguments_of(command).items(), strict=True):
        assert flag in entry
        said = re.search(r"\bdefault: ([^)\n]+)", entry)
        if (command, flag) in SAID:
            assert said[1] == SAID[command, flag]
        elif argument.nargs == 0 or argument.default is None:
            # A switch is off; words may say what None stands for, but no value may.
            assert not said or not re.fullmatch(r"[\d.]+|None|True|False", said[1])
        else:
            assert said[1] == str(argument.default)


@pytest.mark.parametrize("command", ["", *TASKS])
def test_the_help_fits_a_screen(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([*command.split(), "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 24
    if command and _parser(command).usual:
        assert all(re.search(rf"^  {flag}\b", text, re.MULTILINE) for flag in _parser(command).usual)
        assert "--help-all" in text
        assert "--traceback" not in text


def test_a_shell_is_told_how_a_line_can_go_on(tmp_path):
    pytest.importorskip("argcomplete")
    told = []
    for i, line in enumerate(("siren-sr super-resolve a.png b.png --qua", "siren-sr po")):
        file = tmp_path / str(i)
        asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
        asked |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(file), "PYTHONPATH": str(Path(siren_sr.__file__).parents[1])}
        command = [sys.executable, "-c", "from siren_sr.cli import main; main()"]
        subprocess.run(command, env={**os.environ, **asked}, timeout=120, check=True)
        told.append(file.read_text().split("\x0b" if "\x0b" in file.read_text() else None))
    assert [[word.strip() for word in words] for words in told] == [["--quality"], ["poisson"]]
