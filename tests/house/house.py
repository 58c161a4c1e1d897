"""What the checks of the house share: the tree, the program, and how a fault is told.

Each check is run as `<name>_check.py SOURCE BUILD`: the project's folder and a build of it. It prints each fault with
its place and exits 1 when there was one.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

source = pathlib.Path(sys.argv[1]).resolve()
build = pathlib.Path(sys.argv[2]).resolve()
faults = []
looked_at = 0

GENERATED = re.compile(r"build|build-.*|\.git|\.venv|__pycache__")


def files(*suffixes, under=""):
    """Files of the project below `under`, relative to it, in order. Without suffixes: all of them."""
    found = []
    for folder, names, leaves in os.walk(source / under):
        names[:] = sorted(name for name in names if not GENERATED.fullmatch(name))
        for leaf in sorted(leaves):
            if not suffixes or leaf.endswith(suffixes):
                found.append((pathlib.Path(folder) / leaf).relative_to(source))
    return found


def text(path):
    return (source / path).read_bytes().decode("utf-8", "replace")


def look(holds, place, message):
    """Counts one look; where it does not hold, the fault is told."""
    global looked_at
    looked_at += 1
    if not holds:
        faults.append(f"{place}: {message}")


def grid(*arguments):
    """What the program prints to stdout, and its exit code. Its state lies in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="grid-house-") as state:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GRID_")}
        environment["GRID_STATE_DIR"] = state
        done = subprocess.run([build / "bin/grid", *arguments], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=30)
    return done.stdout.decode("utf-8", "replace"), done.returncode


def grid_json(*arguments):
    out, _ = grid(*arguments, "--json")
    return json.loads(out)


def fenced(path):
    """The fenced blocks of a Markdown file: (line, language, lines)."""
    blocks, opened = [], None
    for number, line in enumerate(text(path).splitlines(), 1):
        if line.startswith("```"):
            if opened is None:
                opened = (number, line[3:].strip(), [])
            else:
                blocks.append(opened)
                opened = None
        elif opened is not None:
            opened[2].append(line)
    look(opened is None, path, "a fenced block is not closed")
    return blocks


def end():
    """A check that looked at nothing has lost its way, which is a fault, too."""
    if looked_at == 0:
        faults.append("nothing was found to look at")
    for fault in faults:
        print(fault)
    print(f"{looked_at} looks, {len(faults)} faults")
    sys.exit(1 if faults else 0)
