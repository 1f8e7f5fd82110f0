"""A cluster of two machines (here two of Ray's nodes on one), of which one is lost."""

import functools
import sys
from pathlib import Path

import errands
import pytest
from errands import files, make, numbered, statuses

from siren_sr import fleet

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
    pytest.mark.skipif(sys.platform == "win32", reason="Ray's clusters of several nodes"),
]


@pytest.fixture
def nodes():
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    lost = cluster.add_node(**size)
    yield cluster, lost
    cluster.shutdown()


def who(folder):
    """The workers that have done something."""
    return {line.split()[1] for line in Path(folder, "log").read_text().splitlines()}


def test_a_machine_is_lost_and_no_image_is(nodes, tmp_path):
    cluster, lost = nodes
    make(tmp_path / "in", *numbered(12))
    gone = []

    def lose(progress):
        if not gone and progress.finished and len(who(tmp_path)) == 2:
            cluster.remove_node(lost, allow_graceful=False)
            gone.append(progress.finished)

    task = functools.partial(errands.unhurried, folder=str(tmp_path))
    report = fleet.run(task, tmp_path / "in", tmp_path / "out", backend="ray", address=cluster.address, callback=lose)
    assert statuses(report) == ["done"] * 12
    assert report.workers == 2  # as many as the cluster had processors
    assert files(tmp_path / "out") == sorted(numbered(12))
    assert gone
    assert max(result.attempts for result in report.results) == 2  # one was under way there


def test_without_an_address_ray_is_there_for_the_call_only(tmp_path):
    ray = pytest.importorskip("ray")
    make(tmp_path / "in", "0.png")
    report = fleet.run(errands.doubled, tmp_path / "in", tmp_path / "out", backend="ray", workers=1)
    assert statuses(report) == ["done"]
    assert not ray.is_initialized()
