"""What the test modules of the cluster share: one cluster per class, and grids on its head."""
import http.client
import itertools
import json
import os
import signal
import sys
import time
import unittest

from disk import BUILD
from figures import ROOT as FIGURES, Figures
from gridtest import UnixConnection, wait_until
from hosts import PATH, Cluster, Spec, why_not

__all__ = ["ClusterTest", "HeadGrid", "Spec", "main", "wait_until"]
SKIPPED = 77   # what ctest takes for it
TERMINAL = ("completed", "failed", "cancelled", "aborted")


def main():
    if reason := why_not():
        print(f"SKIPPED: {reason}")
        sys.exit(SKIPPED)
    unittest.main()


# In the command line of the far end of each channel (kStart of the transport); its children have the same until they are others.
CHANNEL = "[ \"$g\" = grid1 ]"


class HeadGrid:
    """grid on a host (the head unless named), with a state folder of its own; close() ends its daemon.

    `config` None: no configuration file. `nodes` are hosts to be named in one: {name: more lines of YAML's flow form}.
    """

    numbers = itertools.count(1)

    def __init__(self, cluster, config=None, user="root", host=None, env=None):
        self.cluster, self.host, self.user = cluster, host or cluster.head, user
        home = self.host.users[user][1]
        self.state = f"{home}/state-{next(self.numbers)}"
        self.environment = {"GRID_STATE_DIR": self.state, "PATH": f"{BUILD}/bin:{PATH}", **(env or {})}
        self.cwd = "/tmp"
        if config is not None:
            path = self.state + ".yaml"
            self.host.write(path, config, user=user)
            self.environment["GRID_CONFIG"] = path

    def start(self, *words, env=None, cwd=None, **options):
        return self.host.popen("grid", *words, user=self.user, cwd=cwd or self.cwd, env={**self.environment, **(env or {})}, **options)

    def run(self, *words, env=None, cwd=None, timeout=60, **options):
        """grid with these words, to its end: .returncode, .stdout, .stderr."""
        return self.host.run("grid", *words, user=self.user, cwd=cwd or self.cwd, env={**self.environment, **(env or {})},
                             timeout=timeout, check=False, **options)

    def json(self, *words, **options):
        at = words.index("--") if "--" in words else len(words)
        done = self.run(*words[:at], "--json", *words[at:], **options)
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise AssertionError(f"grid {words}: {done.returncode}: {done.stdout!r} {done.stderr!r}") from error

    def submit(self, *command, options=(), **more):
        done = self.run("run", "-d", *options, "--", *command, **more)
        if done.returncode != 0:
            raise AssertionError(f"{done.returncode}: {done.stderr}")
        return done.stdout.strip()

    def api(self, path):
        connection = UnixConnection(self.host.path(f"{self.state}/run/grid.sock"))
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def execution(self, number):
        return self.json("wait", number, "--timeout", "1ms") if self.user != "root" else self.api(f"/v1/executions/{number}")

    def running(self, number, seconds=20):
        """Waits until the task's process is there. -> its pid, as its node knows it."""
        def look():
            found = self.execution(number)
            assert found["state"] not in TERMINAL, found
            return found["state"] == "running" and found["attempts"][-1]["pid"]
        return wait_until(look, seconds, f"the start of {number}")

    def ended(self, number, seconds=30):
        """The execution, once it is terminal; a daemon is started when there is none."""
        self.run("wait", number, "--timeout", f"{seconds}s", timeout=seconds + 20)
        found = self.json("wait", number, "--timeout", "1s")
        if found.get("state") not in TERMINAL:
            raise AssertionError(f"{number} did not end within {seconds} s: {found}")
        return found

    def daemons(self):
        """Pids (outside) of this grid's daemons."""
        wanted, found = f"GRID_STATE_DIR={self.state}".encode(), []
        for pid, words in self.host.processes().items():
            parts = words.split()
            if len(parts) > 2 and parts[0].endswith("grid") and parts[1:3] == ["daemon", "run"]:
                try:
                    with open(f"/proc/{pid}/environ", "rb") as file:
                        if wanted in file.read().split(b"\0"):
                            found.append(pid)
                except OSError:
                    pass
        return found

    def kill_daemon(self, number=signal.SIGKILL):
        found = self.daemons()
        for pid in found:
            self.host.kill_process(pid, number)
        wait_until(lambda: not self.daemons(), 10, "the daemon's end")
        return found

    def close(self):
        if self.host.pid is not None:
            self.kill_daemon()


class ClusterTest(unittest.TestCase):
    """Tests in one cluster, made for the class from `specs`; the first is the head. Each test begins with quiet workers."""

    specs = (Spec("head"), Spec("n1"), Spec("n2", server="dropbear"))

    @classmethod
    def setUpClass(cls):
        name = os.path.basename(sys.argv[0]).replace("_test.py", "") + "-" + cls.__name__.lower()
        cls.cluster = cls.enterClassContext(Cluster(name, list(cls.specs)))
        cls.head = cls.cluster.head
        cls.figures = Figures(cls.cluster.hosts)
        cls.addClassCleanup(cls.figures.close)

    def config(self, *hosts, client="libssh2", run="deny", node="", more=""):
        """A configuration in which `hosts` (all workers by default) are nodes reached by SSH under their own names."""
        lines = [f"  {host.name}: {{ transport: ssh, address: {host.name}, file_root: {FIGURES}{', ' + node if node else ''} }}"
                 for host in hosts or self.cluster.workers]
        return "\n".join(["version: 1", f"head: {{ name: head, run: {run}, file_root: {FIGURES} }}", "nodes:", *lines,
                          "policy: threshold", "plugins:", "  policy.threshold: { sustain: 0s }",
                          f"  transport.ssh: {{ client: {client} }}", more]) + "\n"

    def grid(self, config=None, **options):
        grid = HeadGrid(self.cluster, config, **options)
        self.addCleanup(self.quiet)
        self.addCleanup(grid.close)
        return grid

    def quiet(self):
        """Ends what tests left on the workers, and takes their run directories away."""
        for host in self.cluster.workers:
            for pid in list(self.tasks(host)):
                host.kill_process(pid)
            host.run("sh", "-c", "rm -rf /var/tmp/grid-*")

    @staticmethod
    def tasks(host):
        """Processes of a worker that are neither its SSH server nor a connection with its script: {pid: command line}."""
        return {pid: words for pid, words in host.processes().items()
                if not words.startswith(("sshd", "dropbear")) and CHANNEL not in words and not words.endswith("/bell")}

    def assert_exit(self, done, code):
        self.assertEqual(done.returncode, code, f"{done.args[-6:]}\nstdout: {done.stdout!r}\nstderr: {done.stderr!r}")
        return done

    def assert_gone(self, host, mark, seconds=10):
        """Nothing whose command line or environment has `mark` is left there."""
        def left():
            found = []
            for pid in host.processes():
                for file in ("cmdline", "environ"):
                    try:
                        with open(f"/proc/{pid}/{file}", "rb") as content:
                            if mark.encode() in content.read():
                                found.append(pid)
                    except OSError:
                        pass
            return found
        deadline = time.monotonic() + seconds
        while (found := left()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(found, [], f"left on {host.name}: {[host.processes().get(pid) for pid in found]}")
