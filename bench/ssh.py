"""grid over SSH against a bare libssh2 program, GNU parallel and a ControlMaster loop, on hosts made for it.

The wall times are those a person waits. Everything runs inside the head of a cluster (tests/cluster), so it needs root.
"""
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests", "cluster"), os.path.join(ROOT, "tests", "support")]
from clustertest import HeadGrid, wait_until   # noqa: E402
from disk import HOME   # noqa: E402
from hosts import Cluster, Spec, why_not   # noqa: E402

SCRIPTS = os.path.join(ROOT, "plugins/transports/ssh/scripts")
SHIM = ("shim_element.sh", "shim_slots.sh", "shim.sh")   # one text on the node, in this order
COUNT, CHANNELS = 200, 8
MULTIPLEX = ("-o", "ControlMaster=auto", "-o", "ControlPath=/run/cm-%C", "-o", "ControlPersist=600")


def config(*names, more=""):
    nodes = "".join(f"  {name}: {{ transport: ssh, address: {name}, cpus: {CHANNELS} }}\n" for name in names)
    return f"version: 1\nhead: {{ name: head, run: deny }}\nnodes:\n{nodes}{more}"


def wall(call):
    start = time.monotonic()
    call()
    return time.monotonic() - start


class Yard:
    """The bare program, connected; each call is one batch."""

    def __init__(self, head, host, build):
        text = ""
        for part in SHIM:
            with open(os.path.join(SCRIPTS, part), encoding="utf-8") as file:
                text += file.read()
        head.write("/srv/shim.sh", text)
        self.process = head.popen(os.path.join(build, "bench", "yard_ssh"), host.address, "22", "root", HOME + "/.ssh/id_ed25519", "/srv/shim.sh",
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def batch(self, count):
        self.process.stdin.write(f"{count} {CHANNELS}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Ours:
    def __init__(self, cluster, *names, more=""):
        self.grid = HeadGrid(cluster, config(*names, more=more))

    def run(self, *options, on="n1"):
        done = self.grid.run("run", "--on", on, *options, "--", "true")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def array(self):
        return wall(lambda: self.run("--array", str(COUNT)))

    def single(self):
        return wall(self.run)

    def cpu(self):
        """Seconds of the daemon and its threads, to the nanosecond, with children that it waited for."""
        pid = self.grid.daemons()[0]
        total = 0.0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0]) / 1e9
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
        return total + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def goal(judge, title, value, at_most, unit):
    """A figure that is no ratio of two times."""
    verdict = "met" if value <= at_most else "MISSED"
    print(f"{title}\n   {value:.3f} {unit}, goal at most {at_most:g}: {verdict}", flush=True)
    if verdict == "MISSED":
        judge.failed.append(title)


def speed(judge, build):
    with Cluster("bench", [Spec("head"), Spec("n1"), Spec("n2")]) as cluster:
        head, host = cluster.head, cluster["n1"]
        ours, yard = Ours(cluster, "n1"), Yard(head, host, build)
        try:
            ours.single()
            came = host.connections()[0]
            judge.pair(f"ssh: an array of {COUNT} × true, {CHANNELS} at a time, against bare libssh2, wall per task", ours.array,
                       lambda: yard.batch(COUNT), 1.3, per=COUNT)
            before = ours.cpu()
            ours.array()
            goal(judge, "ssh: CPU of the daemon per task", (ours.cpu() - before) / COUNT * 1e3, 0.2, "ms")
            judge.pair("ssh: a single start against the same script sent bare, wall", ours.single, lambda: yard.batch(1), 1.3)
            judge.pair("ssh: a single start beside `ssh n1 true`, wall", ours.single,
                       lambda: wall(lambda: head.run("ssh", "n1", "true")), 1.0, gate=False)
            judge.pair("ssh: a single start beside `ssh n1 true` over ControlMaster, wall", ours.single,
                       lambda: wall(lambda: head.run("ssh", *MULTIPLEX, "n1", "true")), 1.0, gate=False)
            goal(judge, "ssh: connections that all of this made", host.connections()[0] - came - against_ssh(judge.rounds), 0, "connections")
            judge.pair("ssh: the array against a ControlMaster loop, wall per task", ours.array,
                       lambda: wall(lambda: control_master(head)), 1 / 3, per=COUNT)
            if head.run("sh", "-c", "command -v parallel", check=False).returncode == 0:
                judge.pair("ssh: the array against GNU parallel --sshlogin over ControlMaster, wall per task", ours.array,
                           lambda: wall(lambda: parallel(head)), 1 / 6, per=COUNT)
            else:
                print("ssh: GNU parallel is not installed; left out")
        finally:
            yard.close()
            ours.grid.close()
        stuck(judge, cluster)
        samples(judge, cluster)


def against_ssh(rounds):
    """Connections of the plain `ssh n1 true`, once to warm up and once a round, and of the one master."""
    return rounds + 1 + 1


def control_master(head):
    words = " ".join(MULTIPLEX)
    head.run("sh", "-c", f"seq {COUNT} | xargs -P{CHANNELS} -I{{}} ssh {words} n1 true", timeout=300)


def parallel(head):
    words = " ".join(MULTIPLEX)
    head.run("sh", "-c", f"seq {COUNT} | parallel --will-cite -j{CHANNELS} --ssh 'ssh {words}' --sshlogin {CHANNELS}/n1 true '#'", timeout=300)


def stuck(judge, cluster):
    """The same array while another node takes connections and says nothing."""
    ours = Ours(cluster, "n1", "n2", more="daemon: { node_interval: 1s }\n")
    host = cluster["n2"]
    try:
        ours.single()

        def with_stuck():
            host.freeze()
            try:
                time.sleep(2)   # until it is being waited for
                return ours.array()
            finally:
                host.thaw()
        judge.pair("ssh: the array while another host is frozen against without, wall", with_stuck, ours.array, 1.1)
    finally:
        ours.grid.close()


def samples(judge, cluster):
    """Packets with content that go to a node while nothing but samples are taken: one a sample."""
    interval, seconds = 0.2, 10
    ours = Ours(cluster, "n1", more=f"daemon: {{ node_interval: {interval}s }}\n")
    try:
        ours.grid.run("daemon", "start")
        wait_until(lambda: any(node["state"] == "alive" for node in ours.grid.json("node", "list")["nodes"] if node["name"] == "n1"), 20, "the node")
        time.sleep(1)
        cluster.in_hub("nft", "add table bridge seen; add chain bridge seen c { type filter hook forward priority 0; }; "
                       "add rule bridge seen c iifname p0 oifname p1 ip length > 68 counter")
        time.sleep(seconds)
        line = next(each for each in cluster.in_hub("nft", "list", "table", "bridge", "seen").splitlines() if "counter" in each)
        packets = int(line.split("packets")[1].split()[0])
        cluster.in_hub("nft", "delete", "table", "bridge", "seen")
        goal(judge, "ssh: packets to a node per sample", packets / (seconds / interval), 1.1, "packets")
    finally:
        ours.grid.close()


def ssh(judge, build):
    reason = why_not()
    if reason:
        print(f"ssh: {reason}; left out")
        return
    speed(judge, build)
