#!/usr/bin/env python3
"""Takes the best of what fuzzing found into the corpus that is checked in: the fewest inputs that cover the most.

usage: tools/fuzz-corpus.py TARGET

libFuzzer's own merge keeps thousands of inputs, for counters and compared values. What is replayed by `make test` has to be
small: inputs are chosen by the edges that they add, the best one first, until there are enough.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

INPUTS_MAX = 150
BYTES_MAX = 4096
FUZZ = pathlib.Path(__file__).resolve().parent.parent / "fuzz"


def edges(binary, folders):
    """The edges of each input, by libFuzzer's control file."""
    with tempfile.TemporaryDirectory() as scratch:
        control = pathlib.Path(scratch, "control")
        subprocess.run(
            [binary, "-merge=1", f"-merge_control_file={control}", f"-max_len={BYTES_MAX}", "-timeout=5", scratch, *folders],
            check=True,
            capture_output=True,
        )
        lines = control.read_text().splitlines()
    count = int(lines[0])
    names, covered = lines[2 : 2 + count], {}
    for line in lines[2 + count :]:
        kind, number, *rest = line.split()
        if kind == "COV":
            covered[names[int(number)]] = set(rest)
    return covered


def chosen(covered):
    known = set()
    for _ in range(INPUTS_MAX):
        # Among equals the shortest, then the first by name: the choice does not depend on the order of a folder.
        best = max(
            covered, key=lambda name: (len(covered[name] - known), -pathlib.Path(name).stat().st_size, name), default=None
        )
        if best is None or not covered[best] - known:
            return
        known |= covered.pop(best)
        yield pathlib.Path(best)


def main():
    target = sys.argv[1]
    corpus, found = FUZZ / "corpus" / target, FUZZ / "found" / target
    corpus.mkdir(parents=True, exist_ok=True)
    binary = next(FUZZ.glob(f"target/*/release/{target}"), None) or sys.exit("fuzz-corpus: run `make fuzz` first")
    covered = edges(binary, [folder for folder in (corpus, found) if folder.exists()])
    inputs = [path for path in covered if pathlib.Path(path).stat().st_size <= BYTES_MAX]
    kept = {path.name: path.read_bytes() for path in chosen({path: covered[path] for path in inputs})}
    shutil.rmtree(corpus)
    corpus.mkdir()
    for name, content in kept.items():
        (corpus / name).write_bytes(content)
    print(f"{target}: {len(kept)} inputs, {sum(map(len, kept.values()))} bytes")


main()
