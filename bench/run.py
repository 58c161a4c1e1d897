#!/usr/bin/env python3
"""Measures grid against its yardsticks and the tools people use, in pairs, and judges the ratios.

Each comparison alternates A and B, takes the CPU time of both whole process trees from the kernel's accounting of finished
children (over SSH the wall time), and prints medians with [min max] and the median of the pair ratios. A goal that is missed by more than the slack
makes the program end with 1; a run whose yardstick spreads by more than 1.5 is void, not failed. Tools that are not installed
are left out and said so. Usage: run.py [NAME…] [--rounds N]; see docs/benchmarks.md for the figures and how they came about.
"""
import argparse
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import ssh as over_ssh

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("GRID_BUILD", os.path.join(ROOT, "build"))
GRID = os.path.join(BUILD, "bin", "grid")
SLACK = 1.10
VOID_SPREAD = 1.5


def bench(name):
    return os.path.join(BUILD, "bench", name)


def cpu_of(command, env=None):
    """CPU seconds of a command and all its children that were waited for, and its wall time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=env)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime), wall


class Judge:
    def __init__(self, rounds):
        self.rounds = rounds
        self.failed = []

    def pair(self, title, a, b, at_most, gate=True, per=1, unit="ms", scale=1e3):
        """a() and b() give CPU seconds; the goal is a ≤ at_most × b."""
        a()
        b()
        values_a, values_b, ratios = [], [], []
        for _ in range(self.rounds):
            values_a.append(a() / per)
            values_b.append(b() / per)
            ratios.append(values_a[-1] / values_b[-1])
        ratio = statistics.median(ratios)
        spread = max(values_b) / min(values_b)
        verdict = "met" if ratio <= at_most else "within slack" if ratio <= at_most * SLACK else "MISSED"
        if not gate:
            verdict = "for the report"
        elif spread > VOID_SPREAD:
            verdict = f"void: the yardstick spread by {spread:.2f}"
        elif verdict == "MISSED":
            self.failed.append(title)

        def figure(values):
            return (f"{statistics.median(values) * scale:8.3f} [{min(values) * scale:.3f} {max(values) * scale:.3f}] {unit}")
        print(f"{title}\n   {figure(values_a)}  against  {figure(values_b)}\n"
              f"   ratio {ratio:.3f} [{min(ratios):.3f} {max(ratios):.3f}], goal at most {at_most:g}: {verdict}", flush=True)
        return ratio


class Sleepers:
    """N idle processes of our own, ended by the pids that were started."""

    def __init__(self, count):
        self.processes = [subprocess.Popen(["sleep", "900"], stdin=subprocess.DEVNULL) for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()


class Holders:
    """COUNT processes above the scan's floor for memory, all over one file in memory; each has descriptors of every kind."""

    def __init__(self, count, size=540 << 20):
        self.file = tempfile.NamedTemporaryFile(prefix="grid-bench.", dir="/dev/shm")
        self.file.truncate(size)
        self.processes = []
        for _ in range(count):
            process = subprocess.Popen([bench("holder"), self.file.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       start_new_session=True)  # as from terminals of their own
            process.stdout.readline()
            self.processes.append(process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()
        self.file.close()


PS = ["ps", "-eo", "pid,ppid,uid,pcpu,rss,comm,args"]


def scan(judge):
    with tempfile.TemporaryDirectory(prefix="grid-bench.") as state:
        env = dict(os.environ, GRID_STATE_DIR=state, GRID_PROFILE="demo")
        ticks = 20
        per_process = {}
        for count in (2000, 10000) if judge.full else (2000,):
            with Sleepers(count):
                print(f"-- {count} idle processes")
                pass_cpu = lambda: cpu_of([bench("scan_pass")])[0]
                yard_cpu = lambda: cpu_of([bench("yard_scan")])[0]
                per_process[count] = statistics.median(pass_cpu() for _ in range(5)) / count
                if count != 2000:
                    continue
                judge.pair("scan: one full pass against the bare pass", pass_cpu, yard_cpu, 1.25)
                judge.pair("scan: one full pass against ps", pass_cpu, lambda: cpu_of(PS)[0], 0.55)
                judge.pair("scan: a whole `offload scan` against the bare pass",
                           lambda: cpu_of([GRID, "offload", "scan", "--interval", "1s", "--json"], env)[0], yard_cpu, 2.0)
                with Holders(50):
                    judge.pair("scan: a whole `offload scan` with the facts of 50 trees against the bare pass",
                               lambda: cpu_of([GRID, "offload", "scan", "--interval", "1s", "--json"], env)[0], yard_cpu, 2.0)
                steady = lambda: cpu_of([bench("scan_steady"), str(ticks)])[0]
                judge.pair("scan: the steady pass against kept descriptors, per tick", steady,
                           lambda: cpu_of([bench("yard_kept"), str(ticks)])[0], 1.3, per=ticks)
                judge.pair("scan: the steady pass against ps, per tick", lambda: steady() / ticks, lambda: cpu_of(PS)[0], 1 / 6)
        if 10000 in per_process:
            growth = per_process[10000] / per_process[2000]
            print(f"scan: CPU per process at 10,000 against 2,000: {growth:.3f}, goal at most 1.15")
            if growth > 1.15 * SLACK:
                judge.failed.append("scan growth")


class Daemon:
    """A daemon of our own in a fresh state folder, whose CPU with that of all it started is read from /proc at the end."""

    def __enter__(self):
        self.state = tempfile.mkdtemp(prefix="grid-bench.")
        self.env = dict(os.environ, GRID_STATE_DIR=self.state, GRID_PROFILE="home")
        self.process = subprocess.Popen([GRID, "daemon", "run"], env=self.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if subprocess.run([GRID, "--no-start", "ps"], env=self.env, capture_output=True, check=False).returncode == 0:
                return self
            time.sleep(0.02)
        raise RuntimeError("the daemon did not start")

    def cpu(self):
        """Of the daemon, its threads and its finished children (shims, which wait for their tasks)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="latin-1") as stat:
            fields = stat.read().rpartition(")")[2].split()
        ticks = sum(int(fields[i]) for i in (11, 12, 13, 14))
        return ticks / os.sysconf("SC_CLK_TCK")

    def run_array(self, count):
        before = self.cpu()
        client = cpu_of([GRID, "run", "--array", str(count), "--", "true"], self.env)[0]
        return client + self.cpu() - before

    def __exit__(self, *_):
        subprocess.run([GRID, "daemon", "stop"], env=self.env, capture_output=True, check=False)
        self.process.wait(timeout=10)
        shutil.rmtree(self.state, ignore_errors=True)


def run(judge):
    count = 5000
    with Daemon() as daemon:
        ours = lambda: daemon.run_array(count)
        judge.pair(f"run: an array of {count} × true against posix_spawn, per task", ours,
                   lambda: cpu_of([bench("yard_spawn"), str(count), "2"])[0], 1.2, per=count, unit="us", scale=1e6)
        xargs = f"seq {count} | xargs -P2 -n1 true"
        judge.pair("run: against xargs -P2 -n1, per task", ours, lambda: cpu_of(["sh", "-c", xargs])[0], 0.8, per=count,
                   unit="us", scale=1e6)
        if shutil.which("parallel"):
            few = 500
            judge.pair("run: against GNU parallel -j2, per task (500 of it)", lambda: ours() / count,
                       lambda: cpu_of(["sh", "-c", f"seq {few} | parallel -j2 true"])[0] / few, 1 / 6, unit="us", scale=1e6)
        else:
            print("run: GNU parallel is not installed; left out")
        if judge.full:
            judge.pair("run: 20,000 against 5,000, per task", lambda: daemon.run_array(20000) / 20000, lambda: ours() / count,
                       1.05, unit="us", scale=1e6)


def start(judge):
    times = 50

    def repeated(command, env=None):
        def measure():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            for _ in range(times):
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=env)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
        return measure
    judge.pair("start: grid --version against a C++ hello", repeated([GRID, "--version"]), repeated([bench("yard_hello")]), 2.0,
               per=times)
    with tempfile.TemporaryDirectory(prefix="grid-bench.") as folder:
        few, many = (installed(os.path.join(folder, str(count)), count) for count in (5, 50))
        env = dict(os.environ, GRID_STATE_DIR=os.path.join(folder, "state"))
        command = ["plugin", "info", "policy.threshold"]
        judge.pair("start: a command that opens a plugin, 50 installed against 5", repeated([many, *command], env),
                   repeated([few, *command], env), 1.1, per=times)


def installed(place, count):
    """The program with `count` plugins: real ones, and copies of one under other names."""
    plugins = os.path.join(BUILD, "lib", "grid", "plugins")
    target = os.path.join(place, "lib/grid/plugins")
    for name in ("bin", "lib/grid/plugins", "share/grid"):
        os.makedirs(os.path.join(place, name))
    shutil.copy(GRID, os.path.join(place, "bin"))
    for library in os.listdir(os.path.join(BUILD, "lib")):
        if library.startswith("libgrid_sdk"):
            shutil.copy(os.path.join(BUILD, "lib", library), os.path.join(place, "lib"), follow_symlinks=False)
    os.symlink(os.path.join(ROOT, "config"), os.path.join(place, "share/grid/config"))
    originals = sorted(os.listdir(plugins))
    for original in originals[:count]:
        shutil.copy(os.path.join(plugins, original), target)
    for i in range(count - len(originals)):
        shutil.copy(os.path.join(plugins, originals[0]), os.path.join(target, f"grid_metrics_copy{i}.so"))
    return os.path.join(place, "bin/grid")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=["scan", "run", "start", "ssh", []], help="which to run; all by default")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="without the growth figures, which need 10,000 processes")
    arguments = parser.parse_args()
    judge = Judge(arguments.rounds)
    judge.full = not arguments.quick
    for name, measure in (("start", start), ("scan", scan), ("run", run), ("ssh", lambda judge: over_ssh.ssh(judge, BUILD))):
        if not arguments.names or name in arguments.names:
            print(f"== {name}", flush=True)
            measure(judge)
    if judge.failed:
        print("missed: " + "; ".join(judge.failed))
        return 1
    print("all goals met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
