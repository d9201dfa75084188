"""``make fuzz``: mutations of honest files against every reader, bounded in time and memory.

    python -m tests.fuzz [COUNT] [--seed S]

An input that a reader neither accepts nor refuses in its own words, or for which it takes more than
a second of a processor or its share of memory, is a finding: it is printed, kept in ``build/fuzz/``
and exits with 1. The same seed makes the same inputs.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.fuzz.readers import Reader, readers

SECONDS, MEMORY = 1.0, 512 * 2**20  # of a processor, and beyond what the process starts with
FINDINGS = Path(__file__).parents[2] / "build" / "fuzz"


class _TooSlow(BaseException):
    """An input took too long; no reader catches it."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _TooSlow(f"more than {SECONDS:g} s")


def tried(reader: Reader, content: bytes) -> str:
    """What became of an input: ``accepted``, ``refused``, or what went wrong."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        reader.read(content)
    except reader.refusals:
        return "refused"
    except (Exception, _TooSlow) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "accepted"


def fuzz(count: int, seed: int) -> tuple[Counter[tuple[str, str]], dict[str, bytes]]:
    """Try ``count`` inputs; how many of each reader ended how, and the findings by name."""
    signal.signal(signal.SIGPROF, _stop)
    ends: Counter[tuple[str, str]] = Counter()
    found: dict[str, bytes] = {}
    everything = sorted(readers().items())
    with _bounded_memory():
        for i in range(count):
            rng = random.Random(f"{seed} {i}")
            name, reader = everything[i % len(everything)]
            content = rng.choice(reader.mutations)(reader.honest, rng)
            end = tried(reader, content)
            if end not in ("accepted", "refused"):
                found[f"{name} {i}: {end}"[:300]] = content
                end = "finding"
            ends[name, end] += 1
    return ends, found


@contextlib.contextmanager
def _bounded_memory() -> Iterator[None]:
    """Inputs get so much memory and no more; one that wants more is a finding."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def main() -> None:
    """Try, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    start = time.monotonic()
    ends, found = fuzz(asked.count, asked.seed)
    for (name, end), number in sorted(ends.items()):
        print(f"{name:12} {end:9} {number:9,}")
    for what, content in found.items():
        FINDINGS.mkdir(parents=True, exist_ok=True)
        path = FINDINGS / hashlib.sha256(content).hexdigest()[:16]
        path.write_bytes(content)
        print(f"finding: {what!a}; {path}")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{asked.count:,} inputs in {time.monotonic() - start:.0f} s, at most {most:,} MiB")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
