"""A project that uses the library: it runs, and its types hold in strict mode against the installed package."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "downstream"


def test_it_runs(tmp_path):
    specification = importlib.util.spec_from_file_location("study", PROJECT / "study.py")
    assert specification is not None
    assert specification.loader is not None
    study = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(study)
    found = study.study(tmp_path)
    assert sorted(found) == ["enlarged", "fit", "trained"]
    assert min(found.values()) > 5  # noise is hard to represent in five steps, but not to improve on


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="needs pyright, of the dev extra")
def test_its_types_are_strict(tmp_path):
    # Elsewhere, so that the package is found where it is installed and not in the checkout.
    project = shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pyright", "--project", str(project), "--pythonpath", sys.executable]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 errors, 0 warnings" in result.stdout

    # And they tell what is wrong.
    (project / "study.py").write_text(
        "import torch\nfrom siren_sr import super_resolve\n\n"
        'super_resolve(torch.zeros(3, 8, 8), quality="great")\n'
        "print(super_resolve(torch.zeros(3, 8, 8)).psnr)\n"
    )
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert result.returncode == 1
    assert "Literal['great']" in result.stdout
    assert 'Cannot access attribute "psnr" for class "Tensor"' in result.stdout
