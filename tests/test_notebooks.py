"""The notebooks of `examples/` run from top to bottom, and what they hold came from such a run."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
LARGEST = 400_000  # bytes


def is_bar(output):
    """Whether this is a progress bar, a line on stderr or a widget."""
    return output.get("name") == "stderr" or "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def kinds(notebook):
    """What every cell puts out, but for progress bars."""
    outputs = [[o for o in cell.get("outputs", []) if not is_bar(o)] for cell in notebook.cells]
    return [[sorted(o.get("data", {o.output_type: ""})) for o in of_cell] for of_cell in outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_came_from_one_run_and_tells_nothing_of_the_machine(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < LARGEST
    notebook = nbformat.reads(text, 4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert not any(cell.metadata for cell in notebook.cells)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for place in ("/home/", "/root/", "/Users/", str(EXAMPLES.parent), "ipykernel_", "site-packages", "Traceback"):
        assert place not in text


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    pytest.importorskip("skimage")
    kept = nbformat.read(path, 4)
    again = nbformat.from_dict(kept)
    for cell in again.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(again, timeout=600, kernel_name="python3", resources=where).execute()
    assert kinds(again) == kinds(kept)
    assert list(tmp_path.iterdir()) == []
