"""A short run of `benchmarks.fuzz`, and whether it sees what it looks for."""

from __future__ import annotations

import pytest

from benchmarks import fuzz
from benchmarks.fuzz_calls import ENTRIES, FILES
from benchmarks.fuzz_values import POOLS
from benchmarks.fuzz_worker import Case


@pytest.fixture(scope="module")
def worker():
    with fuzz.worker() as one:
        yield one


@pytest.mark.parametrize(
    ("call", "trouble"),
    [
        ("omega.omega_r(8000)", None),
        ("omega.omega_r(-1)", None),
        ("Fit.load('missing.safetensors')", None),
        ("t.no_such_name", "AttributeError"),
        ("1 / 0", "ZeroDivisionError"),
        ("np.ones(10**12)", "MemoryError"),
        ("exit()", "SystemExit"),
        ("print('a word')", "output"),
        ("np.ctypeslib.ctypes.CDLL(None).write(2, b'a word', 6)", "output"),
        ("open('forgotten.tmp', 'w').close()", "files left"),
        ("torch.manual_seed(3)", "ambient state"),
        ("np.random.rand()", "ambient state"),
        ("torch.set_default_dtype(torch.float64)", "ambient state"),
        ("torch.set_default_dtype(torch.float32)", "ambient state"),
        ("metrics.psnr_y(t, t, border=1.5)", None),
        ("init.fan_in(3)", "AttributeError"),
        ("metrics.BT601.index(3)", "no case"),
        ("init.default_bias_(t, 3, generator=3)", "accidental TypeError"),
        ("derivatives.gradient(lambda x: 3 // 0, x)", "ZeroDivisionError"),
        ("derivatives.gradient(lambda x: int('a'), x)", None),
    ],
)
def test_what_is_clean_and_what_is_a_finding(worker, call, trouble):
    verdict = worker.run(Case(0, None, call))
    assert verdict.trouble == trouble, verdict.text


@pytest.mark.parametrize(
    ("name", "call", "trouble"),
    [
        ("omega.omega_r", "omega.omega_r(8000) + 1", "wrong result"),
        ("omega.omega_star", "omega.omega_star(t) * nan", "wrong result"),
        ("metrics.psnr", "metrics.psnr(t, t)", None),
        ("derivatives.image_gradient", "derivatives.image_gradient(t).double()", "wrong result"),
        ("fit.render", "fit.render(size=(9, 11))", None),
    ],
)
def test_results_are_looked_at(worker, name, call, trouble):
    entry = next(i for i, entry in enumerate(ENTRIES) if entry.name == name)
    if not call.endswith(")") or call.endswith(".double()"):
        call = f"(lambda *given: {call.replace('8000', 'given[0]').replace('(t)', '(given[0])')})"
        call += "(8000)" if "omega_r" in name else "(t)"
    assert worker.run(Case(0, entry, call)).trouble == trouble


def test_cases_repeat_themselves_and_reach_every_function():
    cases = [fuzz.draw(7, i, fuzz.KINDS) for i in range(2500)]
    assert cases == [fuzz.draw(7, i, fuzz.KINDS) for i in range(2500)]
    assert cases[:50] != [fuzz.draw(8, i, fuzz.KINDS) for i in range(50)]
    assert {case.entry for case in cases} == {None, *range(len(ENTRIES))}
    assert {case.file[0] for case in cases if case.file} == {name for names in FILES.values() for name in names}


def test_all_expressions_can_be_evaluated(worker):
    texts = sorted({text for pool in POOLS.values() for text in (*pool.good, *pool.odd)})
    for start in range(0, len(texts), 20):
        verdict = worker.run(Case(0, None, f"[{', '.join(texts[start : start + 20])}] and None"))
        assert verdict.trouble is None, verdict.text


def test_a_short_run_is_clean(worker):
    found = fuzz.search(worker, 200, 0)
    assert not found.kinds, [fuzz.line(case, verdict) for case, verdict, _ in found.kinds.values()]
    assert found.returned > 30
    assert found.refused > 60


def test_a_crash_is_a_finding(worker):  # the last one, since it ends the process
    verdict = worker.run(Case(0, None, "np.ctypeslib.ctypes.string_at(0)"))
    assert verdict.trouble == "crash"
    assert "SIGSEGV" in verdict.text


@pytest.mark.slow
def test_a_hang_is_a_finding():
    with fuzz.worker(seconds=2) as one:
        assert one.run(Case(0, None, "all(x == 0 for x in iter(int, 1))")).trouble == "hang"
        assert one.run(Case(1, None, "t.sum()")).trouble is None
