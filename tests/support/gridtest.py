"""What the tests that use grid from outside share: a grid of its own per test, and processes that are ended by their id.

Environment: GRID_BUILD, the build folder. Everything lies in short folders below /tmp: a socket's path has 107 bytes.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ.get("GRID_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
PROGRAM = os.path.abspath(os.path.join(BUILD, "bin/grid"))
CONFIG = """version: 1
head: { name: desk, run: %(head_run)s, cpus: 16 }
nodes:
  sim1: { transport: local, simulated: true, cpus: 16, memory: 64G, directory: %(root)s/w }
run_root: %(root)s/r
metrics: [procfs]
policy: threshold
plugins:
  policy.threshold: { %(policy)s }
%(more)s
"""


def wait_until(condition, seconds=20.0, what="a condition"):
    """The first true value of `condition`, or a failure that names what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.02)


def stat_of(pid):
    """(state letter, parent, process start) of a process, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0].decode(), int(fields[1]), int(fields[19])


def state_of(pid):
    """The letter of /proc/PID/stat; '' for one that is gone or a zombie."""
    found = stat_of(pid)
    return found[0] if found and found[0] not in "ZX" else ""


def children_of(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(name)
            if stat and stat[1] == pid:
                found.append(int(name))
    return found


def words_of(pid):
    """The command line; [] for what is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        return []


def tree_of(pid):
    return [pid] + [each for child in children_of(pid) for each in tree_of(child)]


def holding(text):
    """Pids whose command line or environment has `text`; of this user."""
    wanted, found = os.fsencode(text), []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        for file in ("cmdline", "environ"):
            try:
                with open(f"/proc/{name}/{file}", "rb") as content:
                    if wanted in content.read() and state_of(name):
                        found.append(int(name))
                        break
            except OSError:
                break
    return found


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Grid:
    """One grid: state, configuration and a simulated worker below `root`; close() ends all that was started here."""

    def __init__(self, head_run="allow", policy="cpu_high: 0.85, cpu_low: 0.60", more="", state=None):
        self.root = tempfile.mkdtemp(prefix="gt", dir="/tmp")
        self.state = state or os.path.join(self.root, "s")
        self.work = os.path.join(self.root, "d")
        os.mkdir(self.work)
        config = os.path.join(self.root, "grid.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG % {"root": self.root, "head_run": head_run, "policy": policy, "more": more})
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8",
                            "GRID_STATE_DIR": self.state, "GRID_CONFIG": config, "GRID_TEST_ROOT": self.root}  # close() finds them by it
        self.processes = []

    def command(self, *words):
        return [PROGRAM, *words]

    def start(self, *words, program=None, env=None, **options):
        """Starts grid with these words (or another program) beside us; ended in close()."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.work)
        started = subprocess.Popen(program or self.command(*words), env={**self.environment, **(env or {})}, **options)
        self.processes.append(started)
        return started

    def run(self, *words, env=None, timeout=60, text=True, **options):
        """grid with these words, to its end: .returncode, .stdout, .stderr."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.work)
        if text:
            options.setdefault("errors", "surrogateescape")
        return subprocess.run(self.command(*words), env={**self.environment, **(env or {})}, capture_output=True,
                              text=text, timeout=timeout, check=False, **options)

    def json(self, *words, **options):
        at = words.index("--") if "--" in words else len(words)
        done = self.run(*words[:at], "--json", *words[at:], **options)
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise AssertionError(f"grid {words}: {done.returncode}: {done.stdout!r} {done.stderr!r}") from error

    def submit(self, *command, options=()):
        done = self.run("run", "-d", *options, "--", *command)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def api(self, path, method="GET", body=None):
        connection = UnixConnection(os.path.join(self.state, "run", "grid.sock"))
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def daemon_pid(self):
        """The pid of the daemon that answers, or None."""
        try:
            return self.api("/v1/daemon")["pid"]
        except (OSError, http.client.HTTPException):
            return None

    def kill_daemon(self):
        pid = self.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not state_of(pid), 5, "the daemon's end")
        return pid

    def run_folder(self, name):
        """The run directory NAME, on whatever node, or None."""
        for top in ("w", "r"):
            for folder, folders, _ in os.walk(os.path.join(self.root, top)):
                if name in folders:
                    return os.path.join(folder, name)
        return None

    def belonging(self):
        """Pids of whatever was started in or for this grid, with all that they started."""
        found = set(holding(self.root))
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{name}/cwd").startswith(self.root):
                    found.add(int(name))
            except OSError:
                pass
        found.add(self.daemon_pid())
        return {each for pid in found - {None} for each in tree_of(pid)} - {os.getpid()}

    def close(self):
        for _ in range(3):   # a command that is dying may still start a daemon
            for pid in self.belonging():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.root, ignore_errors=True)


class GridTest(unittest.TestCase):
    """A test with a grid of its own in self.grid."""

    options = {}

    def setUp(self):
        self.grid = self.new_grid(**self.options)

    def new_grid(self, **options):
        grid = Grid(**options)
        self.addCleanup(grid.close)
        return grid

    def assert_exit(self, done, code):
        self.assertEqual(done.returncode, code, f"{done.args}\nstdout: {done.stdout!r}\nstderr: {done.stderr!r}")
        return done

    def ended(self, execution, seconds=30):
        """The execution, once it is terminal; a daemon is started when there is none."""
        self.grid.run("wait", execution, "--timeout", f"{seconds}s", timeout=seconds + 20)
        found = self.grid.json("wait", execution, "--timeout", "1s")
        self.assertIn(found.get("state"), ("completed", "failed", "cancelled", "aborted"), found)
        return found


class Tree:
    """A parent with two children in a folder of its own, all in one process group; each copy of it leaves evidence.

    The original spins until it is told (or killed); a copy, which finds `GRID_EXECUTION` in its environment, appends a
    line to `evidence` outside the folder, changes and makes files, and ends with `code` after `seconds`.
    """

    SCRIPT = """
if [ -n "$GRID_EXECUTION" ]; then
  echo "$GRID_EXECUTION" >> "$3"
  sleep "$1"
  echo changed > changed.txt
  echo new > new.txt
  exit "$2"
fi
sleep 1000 & sleep 1000 &
while :; do sleep 0.05; done
"""

    def __init__(self, grid, seconds=0.2, code=0):
        self.grid = grid
        self.folder = tempfile.mkdtemp(prefix="t", dir=grid.root)
        self.evidence = os.path.join(grid.root, "e" + os.path.basename(self.folder))
        for name in ("changed.txt", "kept.txt"):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write("old\n")
        words = ["sh", "-c", self.SCRIPT, "tree", str(seconds), str(code), self.evidence]
        self.process = grid.start(program=words, cwd=self.folder, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, start_new_session=True)
        self.pid = self.process.pid
        # The parent, and the two that stay; the short-lived ones come and go.
        stay = lambda: [pid for pid in children_of(self.pid) if words_of(pid) == [b"sleep", b"1000"]]
        self.members = [self.pid] + wait_until(lambda: len(found := stay()) == 2 and found, 10, "the tree's children")

    def stopped(self):
        return [pid for pid in self.members if state_of(pid) == "T"]

    def alive(self):
        self.process.poll()
        return [pid for pid in self.members if state_of(pid)]

    def copies(self):
        return len(read(self.evidence).splitlines())

    def file(self, name):
        return read(os.path.join(self.folder, name))

    def end(self):
        for pid in self.members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
