"""Work that dies goes on from its checkpoint, and ends with the same bits."""

import collections
import contextlib
import functools
import json
import os
import pathlib
import random
import subprocess
import sys

import killing
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import picture

from siren_sr import fit_signal, io, super_resolve
from siren_sr.training import CheckpointWarning, optimizers
from siren_sr.training import checkpoint as checkpoints
from siren_sr.training.fingerprint import fingerprint
from siren_sr.training.packing import pack, unpack

IMAGE = picture(8, 9)
FIT = functools.partial(fit_signal, IMAGE, hidden_features=16, steps=8)
FOLDER = pathlib.Path(killing.__file__).parent


def weights(fit):
    return torch.cat([p.detach().flatten() for p in fit.model.parameters()])


def killed(task, kills, folder, seed=0):
    """What `killing` tells, of a process of its own."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, FOLDER / "killing.py", task, str(kills), str(seed), folder],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("task", ["soap", "tiles", "search"])
def test_killed_work_ends_with_the_same_bits(task, tmp_path):
    found = killed(task, 3, tmp_path)
    assert found["kills"]
    assert found["whole"] == found["resumed"] == found["again"]


@pytest.mark.slow
def test_however_often_it_is_killed(tmp_path):
    kills = 0
    for i, task in enumerate(killing.TASKS):
        found = killed(task, 14, tmp_path / str(i), seed=i)
        assert found["whole"] == found["resumed"] == found["again"], task
        kills += found["kills"]
    assert kills >= 100, kills


def test_no_more_is_lost_than_was_asked_for(tmp_path, monkeypatch):
    clock = iter(range(10**6))  # every look at the clock takes a second
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: next(clock))
    written, write = [], io.write_tensors
    monkeypatch.setattr(io, "write_tensors", lambda *a, **k: written.append(len(steps)) or write(*a, **k))
    steps = []
    FIT(checkpoint=tmp_path / "a.safetensors", every=2, callback=lambda progress: steps.append(progress.entry.step))
    # The clock is looked at once at the beginning, in every step, and after every writing; the last one is the end's.
    assert written == [1, 3, 5, 7, 8]


def test_a_stopped_call_goes_on_when_it_is_repeated(tmp_path):
    path, seen = tmp_path / "a.safetensors", []
    stopped = FIT(checkpoint=path, callback=lambda progress: progress.entry.step == 3)
    assert stopped.stopped
    fit = FIT(checkpoint=path, callback=lambda progress: seen.append((progress.entry.step, progress.steps)))
    assert seen == [(step, 8) for step in range(4, 9)]
    assert torch.equal(weights(fit), weights(FIT()))
    assert [e.step for e in fit.history] == list(range(1, 9))
    assert [e.loss for e in fit.history] == [e.loss for e in FIT().history]
    assert fit.history[:3] == stopped.history
    assert not fit.stopped


def test_ctrl_c_leaves_the_checkpoint_of_whole_steps(tmp_path):
    def press(progress):
        if progress.entry.step == 5:
            raise KeyboardInterrupt

    path = tmp_path / "a.safetensors"
    with pytest.raises(KeyboardInterrupt) as caught:
        FIT(checkpoint=path, callback=press)
    assert len(caught.value.result.history) == 5
    assert torch.equal(weights(FIT(checkpoint=path)), weights(FIT()))


def test_the_generator_is_left_as_without_a_checkpoint(tmp_path):
    drawn = []
    for options in ({}, {"checkpoint": tmp_path / "a.safetensors"}, {"checkpoint": tmp_path / "a.safetensors"}):
        generator = torch.Generator().manual_seed(3)
        super_resolve(IMAGE, 2, prior=None, quality="fast", return_fit=True, generator=generator, **options)
        drawn.append(generator.get_state())
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(
    "change", [{"steps": 9}, {"hidden_features": 17}, {"optimizer": optimizers.adam(2e-3)}], ids=str
)
def test_another_call_is_refused_until_this_one_is_complete(change, tmp_path):
    path = tmp_path / "a.safetensors"
    FIT(checkpoint=path, callback=lambda progress: progress.entry.step == 3)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"belongs to another call .* delete it, or give another path"):
        FIT(**{"checkpoint": path, **change})
    with pytest.raises(ValueError, match="belongs to another call"):
        fit_signal(IMAGE.flip(1), hidden_features=16, steps=8, checkpoint=path)
    assert path.read_bytes() == before
    FIT(checkpoint=path)
    assert torch.equal(weights(FIT(checkpoint=path, **change)), weights(FIT(**change)))


def test_every_and_the_callback_may_change(tmp_path):
    path = tmp_path / "a.safetensors"
    FIT(checkpoint=path, every=0, callback=lambda progress: progress.entry.step == 3)
    assert len(FIT(checkpoint=os.fspath(path), every=7).history) == 8


def test_damaged_files(tmp_path):
    path = tmp_path / "a.safetensors"
    FIT(checkpoint=path)
    whole, chances = path.read_bytes(), random.Random(0)
    for _ in range(60):
        data = bytearray(whole)
        data[chances.randrange(min(len(data), 4000))] ^= 1 << chances.randrange(8)
        path.write_bytes(data[: chances.choice([len(data), chances.randrange(len(data))])])
        with contextlib.suppress(ValueError):  # and nothing else
            FIT(checkpoint=path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="damaged or not a safetensors file"):
        FIT(checkpoint=path)


def test_a_flipped_bit_is_found(tmp_path):
    path = tmp_path / "a.safetensors"
    FIT(checkpoint=path)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1  # in the middle of a tensor
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"the checkpoint .* is damaged: delete it, or give another path"):
        FIT(checkpoint=path)


def test_a_full_disk_does_not_end_the_work(tmp_path, monkeypatch):
    path, write = tmp_path / "a.safetensors", io.write_tensors
    FIT(checkpoint=path, callback=lambda progress: progress.entry.step == 3)
    before = path.read_bytes()

    def full(*arguments, **options):
        raise OSError(28, "no space left")

    monkeypatch.setattr(io, "write_tensors", full)
    with pytest.warns(CheckpointWarning, match="the checkpoint is not up to date: .*no space left"):
        fit = FIT(checkpoint=path, every=0)
    assert path.read_bytes() == before
    monkeypatch.setattr(io, "write_tensors", write)
    assert torch.equal(weights(fit), weights(FIT(checkpoint=path)))


def test_a_fit_is_no_checkpoint(tmp_path):
    FIT().save(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="is not a checkpoint of siren_sr"):
        FIT(checkpoint=tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"checkpoint": "a.pt"}, ValueError, r"a checkpoint is saved as \.safetensors"),
        ({"checkpoint": "nowhere/a.safetensors"}, FileNotFoundError, "there is no folder"),
        ({"checkpoint": 3}, TypeError, "checkpoint must be the path of a .safetensors file, got int"),
        ({"every": -1}, ValueError, "every must be a finite number of seconds >= 0, got -1"),
        ({"every": float("nan")}, ValueError, "every must be a finite number of seconds"),
        ({"every": "1"}, TypeError, "every must be a number of seconds"),
    ],
)
def test_bad_options(options, error, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        FIT(**options)


def test_what_cannot_be_stored_is_refused_in_the_first_step(tmp_path):
    class Secretive(torch.optim.SGD):
        def step(self, closure):
            self.state["mine"] = {"of": object()}
            return super().step(closure)

    class Bare:
        def step(self):
            pass

    seen, path = [], tmp_path / "a.safetensors"
    options = {"checkpoint": path, "callback": lambda progress: seen.append(progress)}
    with pytest.raises(TypeError, match=r"holds builtins\.object, which a checkpoint cannot store: leave checkpoint="):
        FIT(optimizer=lambda p: Secretive(p, lr=1e-3), **options)
    with pytest.raises(TypeError, match="the scheduler Bare has no state_dict, which a checkpoint needs"):
        FIT(scheduler=lambda optimizer: Bare(), **options)
    assert not seen
    assert not path.exists()
    FIT(optimizer=lambda p: Secretive(p, lr=1e-3))


# ---- packing

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.sampled_from([torch.float32, torch.int64]),
)
STATES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.one_of(st.integers(), st.text()), inner),
        st.lists(inner, max_size=3).map(lambda items: collections.deque(items, 5)),
    ),
    max_leaves=12,
)


def there_and_back(state):
    tensors = {}
    packed = json.loads(json.dumps(pack(state, tensors, what="it")))
    return unpack(packed, tensors)


@settings(deadline=None)
@given(STATES)
def test_plain_values_come_back(state):
    found = there_and_back(state)
    assert found == state
    assert repr(found) == repr(state)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).view(2, 3),
        torch.arange(6.0).view(2, 3).T,
        torch.arange(24).view(2, 3, 4).permute(1, 2, 0),
        torch.arange(48.0).view(2, 2, 3, 4).to(memory_format=torch.channels_last),
        torch.tensor(3.5, dtype=torch.float64),
        torch.ones(1).expand(4),
        torch.arange(10.0)[::2],
        torch.zeros(0, 3),
        torch.tensor([True, False]),
        torch.tensor([1.5], dtype=torch.bfloat16),
    ],
)
def test_tensors_come_back_as_they_lay_in_memory(tensor):
    found = there_and_back({"a": [tensor]})["a"][0]
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)
    if tensor.numel() and torch.empty_strided(tensor.shape, tensor.stride()).untyped_storage().nbytes() == (
        tensor.numel() * 4
    ):
        assert found.stride() == tensor.stride()


def test_counters_and_sets_come_back():
    state = [collections.Counter({3: 1, 5: 2}), {1, 2}, frozenset("ab")]
    found = there_and_back(state)
    assert found == state
    assert [type(x) for x in found] == [type(x) for x in state]


# ---- fingerprints


def test_fingerprints_tell_calls_apart():
    def made(rate):
        return lambda parameters: torch.optim.SGD(parameters, lr=rate)

    told = [
        IMAGE,
        IMAGE.double(),
        IMAGE.flip(1),
        IMAGE.flatten(),
        IMAGE.numpy(),
        made(1.0),
        made(2.0),
        optimizers.adam(1e-3),
        optimizers.soap(1e-3),
        functools.partial(torch.optim.SGD, lr=1.0),
        functools.partial(torch.optim.SGD, lr=2.0),
        torch.Generator().manual_seed(1),
        torch.Generator().manual_seed(2),
        {"a": 1},
        {"a": 1.0},
        None,
        float,
    ]
    assert len({fingerprint(value) for value in told}) == len(told)
    assert fingerprint(made(1.0)) == fingerprint(made(1.0))
    assert fingerprint(IMAGE.mT) == fingerprint(IMAGE.mT.contiguous())


def test_fingerprints_are_the_same_in_every_process():
    code = (
        "import torch\nfrom siren_sr.training.fingerprint import fingerprint\n"
        "print(fingerprint({'a', 'b', 'c'}, lambda x: x in {'a', 'b', 'c'}, object(), torch.arange(4)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(found) == 1
