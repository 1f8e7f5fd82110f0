"""Call the library with arguments and files of every kind, good and bad, and report whatever is not clean.

    python -m benchmarks.fuzz --cases 10000 --seed 0
    python -m benchmarks.fuzz --seed 0 --case 123      # this one again, with its traceback

A case is one call. It is clean if it returns what it should, of the right kind, shape and type and with finite
values, or if it raises a ValueError, a TypeError or an OSError with a text of the library's own. Nothing may appear on
stdout or stderr, no warning of torch or NumPy may escape, no file may be left behind, and the global state of torch,
NumPy and random is as it was. Everything else is a finding: another exception, a crash, a hang, a refusal by accident.

The cases of a seed are the same every time. They run in a process with a limit of memory; a case that takes too long is
ended with its process. Equal findings are printed once: those of one function, one kind of trouble and one place.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fuzz_calls import CALLS_ON_FILES, ENTRIES, FILES
from benchmarks.fuzz_worker import Case, Room, Verdict, serve

KINDS = ("arguments", "files", "fits")
SHARES = {"arguments": 6, "files": 3, "fits": 1}  # of the cases
START = 120.0  # seconds that a new process may take until it is ready


def draw(seed: int, number: int, kinds: Sequence[str]) -> Case:
    """Return one case of a seed."""
    rng = random.Random(f"{seed} {number} {' '.join(kinds)}")
    kind = rng.choices(list(kinds), [SHARES[kind] for kind in kinds])[0]
    if kind == "arguments":
        entry = rng.randrange(len(ENTRIES))
        return Case(number, entry, ENTRIES[entry].draw(rng))
    group = "fit" if kind == "fits" else rng.choice(("image", "image", "image", "sound"))
    name, other = rng.choice(FILES[group]), rng.choice(FILES[group])
    call = rng.choice(CALLS_ON_FILES[group]).format(name)
    return Case(number, None, call, (name, other), f"{seed} {number}")


@dataclass
class Findings:
    """What was found, each kind once, with how often it came."""

    cases: int = 0
    returned: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.kinds: dict[tuple[str, str, str], tuple[Case, Verdict, list[int]]] = {}

    def add(self, case: Case, verdict: Verdict) -> bool:
        """Count a case; return whether it is a finding of a new kind."""
        self.cases += 1
        if verdict.trouble is None:
            self.returned += verdict.returned
            self.refused += not verdict.returned
            return False
        name = case.call.partition("(")[0] if case.file is None else f"{case.file[0].rpartition('.')[2]} file"
        key = (name, verdict.trouble, verdict.where)
        new = key not in self.kinds
        self.kinds.setdefault(key, (case, verdict, []))[2].append(case.number)
        return new


def line(case: Case, verdict: Verdict) -> str:
    """Return a finding as one line."""
    file = f" [damaged {case.file[0]}]" if case.file else ""
    where = f" at {verdict.where}" if verdict.where else ""
    return f"case {case.number}: {case.call}{file} -> {verdict.trouble}{where}: {verdict.text}"


class Worker:
    """The process that runs cases, started anew whenever a case ended it."""

    def __init__(self, folder: Path, *, memory: int, seconds: float) -> None:
        """Note where the process works, and how many bytes of memory and seconds a case has; it starts when needed."""
        self.folder, self.memory, self.seconds, self.started = folder, memory, seconds, 0
        self.process: Any = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.started += 1
        arguments = (other, str(self.folder / str(self.started)), self.memory)
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        other.close()
        if not self.connection.poll(START):
            self.close()
            raise RuntimeError(f"the process was not ready after {START:g} s")
        self.connection.recv()

    def run(self, case: Case) -> Verdict:
        """Judge a case."""
        if self.process is None:
            self._start()
        self.connection.send(case)
        try:
            if self.connection.poll(self.seconds):
                return self.connection.recv()
            verdict = Verdict(False, "hang", "", f"not done after {self.seconds:g} s")
        except (EOFError, ConnectionResetError):
            process: Any = self.process
            process.join()
            code = process.exitcode or 0
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            verdict = Verdict(False, "crash", "", f"the process ended with {name}")
        self.close()
        return verdict

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None


@contextlib.contextmanager
def worker(*, memory: int = 2 << 30, seconds: float = 30) -> Iterator[Worker]:
    """A process for cases, and a folder for it, while they are needed."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        one = Worker(Path(folder), memory=memory, seconds=seconds)
        try:
            yield one
        finally:
            one.close()


def search(one: Worker, cases: int, seed: int, *, kinds: Sequence[str] = KINDS) -> Findings:
    """Run the cases 0 to ``cases`` - 1 of a seed, print every new kind of finding at once, and return them all."""
    findings = Findings()
    for number in range(cases):
        case = draw(seed, number, kinds)
        verdict = one.run(case)
        if findings.add(case, verdict):
            print(line(case, verdict), flush=True)
    return findings


def repeat(number: int, seed: int, kinds: Sequence[str]) -> int:
    """Run one case in this process, print all that it did, and keep its damaged file."""
    case = draw(seed, number, kinds)
    print(f"{case.call}" + (f", damaged {case.file[0]}" if case.file else ""))
    room = Room(Path(tempfile.mkdtemp(prefix="fuzz-")))
    if case.file is not None:
        kept = Path(tempfile.gettempprefix()).absolute().parent / case.file[0]
        kept.write_bytes(room.damaged(case))
        print(f"the damaged file is {kept}")
    verdict = room.judge(case)
    clean = "clean: returned" if verdict.returned else "clean: refused"
    print(verdict.trace or (clean if verdict.trouble is None else line(case, verdict)))
    return int(verdict.trouble is not None)


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; returns 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--case", type=int, help="repeat this one")
    parser.add_argument("--memory", type=float, default=2, help="GiB that a case may take")
    parser.add_argument("--seconds", type=float, default=30, help="that a case may take")
    options: Any = parser.parse_args(given)
    if options.case is not None:
        return repeat(options.case, options.seed, options.kinds)
    began = time.perf_counter()
    with worker(memory=int(options.memory * 2**30), seconds=options.seconds) as one:
        found = search(one, options.cases, options.seed, kinds=options.kinds)
    bad = sum(len(numbers) for _, _, numbers in found.kinds.values())
    for case, verdict, numbers in found.kinds.values():
        if len(numbers) > 1:
            print(f"{len(numbers)} x {case.call.partition('(')[0]} {verdict.trouble} {verdict.where}: {numbers[:9]}")
    print(
        f"{found.cases} cases of seed {options.seed} in {time.perf_counter() - began:.0f} s: {found.returned} returned "
        f"what they should, {found.refused} were refused, {bad} are findings of {len(found.kinds)} kinds"
    )
    return int(bool(found.kinds))


if __name__ == "__main__":
    sys.exit(main())
