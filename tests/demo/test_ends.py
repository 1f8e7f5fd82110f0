"""How the page begins, and how it ends: with nothing left."""

import os
import socket
import subprocess
import sys
import urllib.request

import pytest
from serving import Served

from siren_sr.cli import main
from siren_sr.demo.server import free_port


def test_it_ends_when_asked_to_and_leaves_nothing(tmp_path):
    pytest.importorskip("gradio")
    with Served(tmp_path, "--jobs", "2") as server:
        assert server.url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(server.url, timeout=60) as answer:
            assert b"siren_sr" in answer.read()
        assert any(name.startswith("siren-sr-demo-") for name in os.listdir(tmp_path))
        code, said = server.end()
    assert code == 143
    assert said == "siren-sr: press Ctrl-C to end\nsiren-sr: ended by SIGTERM; nothing was written\n"
    assert not [name for name in os.listdir(tmp_path) if name.startswith("siren-sr-demo-")]


def test_a_port_that_is_taken_is_told(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["demo", "--port", str(port)]) == 1
        assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in capsys.readouterr().err
        assert free_port("127.0.0.1", 0) != port


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--port", "70000"], "there is no port 70000"),
        (["--max-upload", "0"], "upload must be a number of MB above 0, got 0"),
        (["--jobs", "0"], "jobs must be a whole number from 1 on, got 0"),
    ],
)
def test_wrong_arguments_are_told(arguments, text, capsys):
    assert main(["demo", *arguments]) == 1
    assert text in capsys.readouterr().err


def test_without_gradio_one_line_says_what_to_install():
    code = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "gradio":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from siren_sr.cli import main
sys.exit(main(["demo"]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == 'siren-sr: error: the demo needs gradio: pip install "siren-sr[demo]"\n'
