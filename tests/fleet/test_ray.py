"""The same on a cluster of Ray, here one of two processors on this machine."""

import functools
import sys
import warnings
from pathlib import Path

import errands
import numpy as np
import pytest
from errands import files, make, numbered, statuses

from siren_sr import fleet, super_resolve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, object_store_memory=100 * 2**20, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_a_worker_is_killed_and_no_image_is_lost_or_done_twice(cluster, tmp_path):
    make(tmp_path / "in", *numbered(8))
    Path(tmp_path, "in/bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    task = functools.partial(errands.dying, folder=str(tmp_path), once=1, always=4)
    report = fleet.run(task, tmp_path / "in", tmp_path / "out", workers=2, backend="ray")
    assert statuses(report) == ["done"] * 4 + ["failed"] + ["done"] * 3 + ["failed"]
    assert [result.attempts for result in report.results] == [1, 2, 1, 1, 2, 1, 1, 1, 1]
    assert "its worker died, 2 of 2 times" in report.results[4].error
    assert report.results[8].error == f"{tmp_path}/in/bad.png is not a readable image: the file is cut off"
    assert files(tmp_path / "out") == [name for name in numbered(8) if name != "4.png"]
    done = sorted(line.split()[0] for line in Path(tmp_path, "log").read_text().splitlines())
    assert done == ["0", "1", "2", "3", "5", "6", "7"]
    workers = {line.split()[1] for line in Path(tmp_path, "log").read_text().splitlines()}
    assert len(workers) >= 2
    size = sum(path.stat().st_size for folder in ("in", "out") for path in Path(tmp_path, folder).iterdir())
    assert report.bytes_moved >= size


def test_one_image_in_windows(cluster):
    pixels = np.random.default_rng(0).integers(0, 255, (48, 60, 3), dtype=np.uint8)
    found = fleet.super_resolve_windows(pixels, scale=2, window=24, workers=2, backend="ray")
    np.testing.assert_allclose(found.astype(int), super_resolve(pixels, 2).astype(int), atol=1, rtol=0)


def test_an_address_while_connected_is_refused(cluster, tmp_path):
    make(tmp_path / "in", "0.png")
    with pytest.raises(ValueError, match=r"address='auto', but Ray is connected already"):
        fleet.run(errands.doubled, tmp_path / "in", tmp_path / "out", backend="ray", address="auto")
