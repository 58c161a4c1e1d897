#!/usr/bin/env python3
"""Several hosts on one machine: each with its own SSH server and host key, name, machine id, users, /tmp, /var and homes.

    with Cluster("mine", [Spec("head"), Spec("n1", shell="fish"), Spec("n2", server="dropbear")]) as c:
        c["head"].run("ssh", "n1", "hostname")

A host is a set of namespaces whose root is the machine's with a layer of its own; a hub holds those layers on a tmpfs
and the bridge that joins the hosts. Nothing is made in the machine's own network or mount namespace. All of a cluster
ends with its hub, and the hub with whoever made it, so nothing is left after a SIGKILL either but a folder below /tmp,
which the next cluster of that name takes away.

Times to allow for: a connect to a host that is cut hangs, or fails after some 3 s; after heal() an open connection
goes on with its next retransmission, which comes as late again as the cut was long.

From a shell: hosts.py up NAME [HOST…] holds a cluster until Ctrl-C; hosts.py exec NAME HOST CMD…, hosts.py cut, heal,
kill, start, freeze, thaw NAME HOST act on it from another one.
"""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import disk
from disk import Spec

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS = ("ip", "bridge", "tc", "nft", "unshare", "nsenter", "ssh-keygen", "sshd", "dropbear", "dropbearconvert", "busybox", "fish", "tcsh")


def why_not():
    """Why there can be no cluster here, or ''."""
    if os.geteuid() != 0:
        return "hosts in namespaces need root"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=PATH)]
    if missing:
        return "not installed: " + ", ".join(missing)
    if subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False).returncode != 0:
        return "no namespaces may be made here"
    return ""


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.01)
    return value


def run(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{words}: {done.returncode}: {done.stderr}")
    return done.stdout


def end_process(pid):
    """SIGKILL, and waits until it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        wait_for(lambda: not is_alive(pid), 20, f"the end of {pid}")
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def start_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


class Host:
    """One host of a cluster. `pid` is that of its first process, as seen from outside; None while it is down."""

    def __init__(self, cluster, spec, number):
        self.cluster, self.spec, self.name, self.number = cluster, spec, spec.name, number
        self.address = f"10.77.0.{10 + number}"
        self.mac = f"02:00:00:00:00:{10 + number:02x}"   # the same after a restart, as a real one is
        self.disk = f"{cluster.disks}/{spec.name}"
        self.users, self.keys = {"root": (0, disk.HOME)}, []
        self.pid, self.keeper = None, None

    # ---- power

    def begin(self):
        """Starts the first process; ready() waits for it."""
        disk.new_boot(self.disk)
        binds = []
        if self in self.cluster.heads:
            for folder in disk.OURS:
                binds += [folder, folder, "ro"]
        for path, name in self.spec.shared.items():
            binds += [self.cluster.shared_folder(name), path, "rw"]
        inside = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child",
                  "sh", f"{HERE}/host.sh", self.disk.replace(f"/proc/{self.cluster.hub}/root", ""), self.name, *binds]
        self.keeper = subprocess.Popen(["nsenter", "-t", str(self.cluster.hub), "-m", "-n", "-p", *inside],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def ready(self):
        line = self.keeper.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} did not start: {self.keeper.stderr.read().decode()}")
        self.pid = int(line)
        # The pid was printed just before the first process became what it stays; its new root is there already.
        self.keeper.stdout.close()
        self.keeper.stderr.close()

    def plug(self):
        """Joins it to the bridge."""
        port = f"p{self.number}"
        self.cluster.ip(f"link add {port} type veth peer name eth0 address {self.mac} netns {self.pid}\nlink set {port} master br0 up\n")
        run(["nsenter", "-t", str(self.pid), "-n", "ip", "-batch", "-"],
            input=f"link set lo up\naddr add {self.address}/24 dev eth0\nlink set eth0 up\n")
        for path in self.spec.tmpfs:
            self.run("mount", "-t", "tmpfs", "tmpfs", path)

    def kill(self, silent=False):
        """The power goes: all its processes end at once. Its disk stays. `silent`: nobody is told by its kernel."""
        if silent:
            self.cut()
        end_process(self.pid)
        self.keeper.wait(10)
        wait_for(lambda: f"p{self.number}" not in self.cluster.ports(), 10, "the cable's end")
        self.pid = None

    def start(self):
        self.begin()
        self.ready()
        self.plug()
        self.start_server()

    def freeze(self):
        self._signal_all(signal.SIGSTOP)

    def thaw(self):
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number):
        for pid in self.processes():
            self.kill_process(pid, number)

    # ---- the cable

    def cut(self, peer=None):
        """Silence in both directions: to everybody, or to one other host."""
        if peer is None:
            self.cluster.in_hub("bridge", "link", "set", "dev", f"p{self.number}", "state", "0")
        else:
            self.cluster.in_hub("nft", f"add table bridge cut; add chain bridge cut c {{ type filter hook forward priority 0; }}; "
                                f"add rule bridge cut c iifname p{self.number} oifname p{peer.number} drop; "
                                f"add rule bridge cut c iifname p{peer.number} oifname p{self.number} drop")

    def heal(self):
        self.cluster.in_hub("bridge", "link", "set", "dev", f"p{self.number}", "state", "3")
        self.cluster.in_hub("nft", "add table bridge cut; delete table bridge cut")

    def slow(self, rate="2mbit"):
        """At most `rate` in each direction; None: as fast as it goes."""
        ends = ([["nsenter", "-t", str(self.cluster.hub), "-n"], f"p{self.number}"], [["nsenter", "-t", str(self.pid), "-n"], "eth0"])
        for where, device in ends:
            if rate is None:
                run([*where, "tc", "qdisc", "del", "dev", device, "root"])
            else:
                run([*where, "tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", rate, "burst", "16kb", "latency", "500ms"])

    # ---- inside

    def path(self, name):
        """Where a path of this host lies as seen from outside."""
        return f"/proc/{self.pid}/root{name}"

    def command(self, words, user="root", cwd=None, env=None):
        uid, home = self.users[user]
        who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--init-groups"] if uid else []
        facts = {"PATH": PATH, "HOME": home, "USER": user, "LOGNAME": user, "SHELL": disk.SHELLS[self.spec.shell],
                 "LANG": "C.UTF-8", **(env or {})}
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "--", *who, "env", "-i", "-C", cwd or home,
                *(f"{name}={value}" for name, value in facts.items()), *words]

    def popen(self, *words, user="root", cwd=None, env=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(words, user, cwd, env), **options)

    def run(self, *words, user="root", cwd=None, env=None, check=True, text=True, timeout=60, **options):
        """Runs a command to its end. -> .returncode, .stdout, .stderr"""
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        if text:
            options.setdefault("errors", "surrogateescape")
        done = subprocess.run(self.command(words, user, cwd, env), capture_output=True, text=text, timeout=timeout, check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {words}: {done.returncode}\n{done.stdout!r}\n{done.stderr!r}")
        return done

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def write(self, name, content, mode=0o644, user="root"):
        disk.put(self.path(name), content, mode, self.users[user][0])

    def processes(self):
        """{pid outside: command line} of all but the first one."""
        space, found = os.readlink(f"/proc/{self.pid}/ns/pid"), {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if int(name) != self.pid and os.readlink(f"/proc/{name}/ns/pid") == space and is_alive(name):
                    with open(f"/proc/{name}/cmdline", "rb") as file:
                        found[int(name)] = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            except OSError:   # it has gone, or is none of ours
                pass
        return found

    @staticmethod
    def kill_process(pid, number=signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    # ---- its SSH server

    def start_server(self):
        if self.spec.server == "openssh":
            self.run("/usr/sbin/sshd", "-E", "/var/log/sshd.log")
        else:
            keys = "".join(f" -r /etc/ssh/host_{kind}.db" for kind in self.spec.host_keys)
            self.run("sh", "-c", f"exec dropbear -E -s -p {self.spec.port}{keys} >>/var/log/sshd.log 2>&1")
        wait_for(self.listens, 10, f"{self.name}'s SSH server")

    def listens(self):
        wanted = f":{self.spec.port:04X}"
        with open(f"/proc/{self.pid}/net/tcp", encoding="ascii") as file:
            return any(fields[1].endswith(wanted) and fields[3] == "0A" for fields in map(str.split, file))

    def stop_server(self, sessions=True):
        """Kills the SSH server, and with `sessions` all its connections, by SIGKILL. What tasks started goes on."""
        listener = "sshd: /usr/sbin/sshd" if self.spec.server == "openssh" else "dropbear"
        for pid, words in self.processes().items():
            if words.startswith(listener) or (sessions and words.startswith("sshd")):
                self.kill_process(pid)
        wait_for(lambda: not self.listens(), 10, f"the end of {self.name}'s SSH server")

    def server_log(self):
        return self.read("/var/log/sshd.log")

    def connections(self):
        """How many were accepted by the SSH server so far, and how many of them logged in."""
        log = self.server_log()
        came = log.count("Connection from") + log.count("Child connection from")
        return came, log.count("Accepted publickey") + log.count("Pubkey auth succeeded")


class Cluster:
    """Hosts by their specs; c[name] or c.hosts; the first one is the head, whose users can log in everywhere."""

    def __init__(self, name, specs):
        self.name, self.folder = name, f"/tmp/grid-cluster-{name}"
        self.specs = specs
        self.hub, self.hub_process, self.lock = None, None, None
        self.hosts = []

    def __getitem__(self, name):
        return next(host for host in self.hosts if host.name == name)

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            self.down()
            raise

    def __exit__(self, *_):
        self.down()

    @property
    def head(self):
        return self.hosts[0]

    @property
    def heads(self):
        return [host for host in self.hosts if host is self.head or host.spec.head]

    @property
    def workers(self):
        return [host for host in self.hosts if host not in self.heads]

    @property
    def disks(self):
        return f"/proc/{self.hub}/root{self.folder}/disks"

    def up(self):
        self.lock = locked(self.folder + ".lock")
        clear(self.folder)
        os.makedirs(self.folder + "/disks", mode=0o700)
        hub = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", f"{HERE}/hub.sh", self.folder + "/disks"]
        self.hub_process = subprocess.Popen(hub, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                            start_new_session=True)
        if not (line := self.hub_process.stdout.readline()):
            raise RuntimeError(f"no hub: {self.hub_process.stderr.read().decode()}")
        self.hub = int(line)
        self.save()
        self.make_disks()
        self.ip("link add br0 type bridge\nlink set br0 up\nlink set lo up\n")
        for host in self.hosts:
            host.begin()
        for host in self.hosts:
            host.ready()
        self.save()
        for host in self.hosts:
            host.plug()
        for host in self.hosts:
            host.start_server()
        return self

    def make_disks(self):
        self.hosts = [Host(self, spec, number) for number, spec in enumerate(self.specs)]
        with tempfile.TemporaryDirectory(prefix="grid-cluster-") as folder:
            key = folder + "/id_ed25519"
            disk.make_key(key)
            names = "".join(f"{host.address} {host.name}\n" for host in self.hosts)
            for host in self.hosts:
                host.users, host.keys = disk.write(host.disk, host.spec, key, names)
            for host, (uid, home) in ((host, each) for host in self.heads for each in host.users.values()):
                ssh = f"{host.disk}/upper{home}/.ssh"
                for end, mode in (("", 0o600), (".pub", 0o644)):
                    with open(key + end, "rb") as file:
                        disk.put(f"{ssh}/id_ed25519{end}", file.read(), mode, uid)
                disk.put(f"{ssh}/known_hosts", self.known_hosts(), 0o600, uid)
                disk.put(f"{ssh}/config", self.aliases(), 0o600, uid)

    def known_hosts(self):
        lines = ""
        for host in self.hosts:
            names = [host.name, host.address] if host.spec.port == 22 else [f"[{each}]:{host.spec.port}" for each in (host.name, host.address)]
            lines += "".join(f"{','.join(names)} {key}\n" for key in host.keys)
        return lines

    def aliases(self):
        return "".join(f"Host {host.name}\n    HostName {host.address}\n    Port {host.spec.port}\n" for host in self.hosts)

    def shared_folder(self, name):
        folder = f"{self.disks}/.shared-{name}"
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o1777)
        return folder.replace(f"/proc/{self.hub}/root", "")

    def save(self):
        facts = {"hub": self.hub, "start": start_of(self.hub), "pids": {host.name: host.pid for host in self.hosts}}
        with open(self.folder + "/hub", "w", encoding="ascii") as file:
            json.dump(facts, file)

    def in_hub(self, *words, **options):
        return run(["nsenter", "-t", str(self.hub), "-n", *words], **options)

    def ip(self, batch):
        self.in_hub("ip", "-batch", "-", input=batch)

    def ports(self):
        return self.in_hub("ip", "-o", "link")

    def down(self):
        if self.hub_process is not None:
            end_process(self.hub) if self.hub else self.hub_process.kill()
            self.hub_process.wait(20)
            for pipe in (self.hub_process.stdin, self.hub_process.stdout, self.hub_process.stderr):
                pipe.close()
        for host in self.hosts:
            if host.keeper is not None:
                host.keeper.wait(20)
                host.keeper.stdout.close()
                host.keeper.stderr.close()
        clear(self.folder)
        if self.lock is not None:
            os.unlink(self.folder + ".lock")
            self.lock.close()
        self.hub_process, self.hub, self.lock = None, None, None


def locked(path):
    """An open file that nobody else has locked and that still lies at `path`."""
    while True:
        file = open(path, "w", encoding="ascii")
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            if os.fstat(file.fileno()).st_ino == os.stat(path).st_ino:
                return file
        except FileNotFoundError:
            pass
        file.close()   # its last holder removed it


def saved(folder):
    """The facts of a cluster that is up, or None."""
    try:
        with open(folder + "/hub", encoding="ascii") as file:
            facts = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return facts if facts["start"] is not None and start_of(facts["hub"]) == facts["start"] else None


def clear(folder):
    """Ends what an earlier cluster in `folder` left, and removes the folder."""
    if (facts := saved(folder)) is not None:
        end_process(facts["hub"])
    shutil.rmtree(folder, ignore_errors=True)


def attach(name, specs=None):
    """A cluster that another program holds."""
    cluster = Cluster(name, specs or [])
    facts = saved(cluster.folder)
    if facts is None:
        raise SystemExit(f"there is no cluster '{name}'; hosts.py up {name} makes one")
    cluster.hub = facts["hub"]
    for number, (host, pid) in enumerate(facts["pids"].items()):
        cluster.hosts.append(Host(cluster, Spec(host), number))
        cluster.hosts[-1].pid = pid
    return cluster


def main(words):
    verbs = ("cut", "heal", "kill", "start", "freeze", "thaw", "slow")
    if len(words) >= 2 and words[0] == "up":
        if reason := why_not():
            raise SystemExit(reason)
        with Cluster(words[1], [Spec(each) for each in words[2:] or ("head", "n1", "n2")]) as cluster:
            print("\n".join(f"{host.name} {host.address}" for host in cluster.hosts), flush=True)
            try:
                signal.pause()
            except KeyboardInterrupt:
                pass
    elif len(words) >= 4 and words[0] == "exec":
        raise SystemExit(attach(words[1])[words[2]].popen(*words[3:], stdin=None).wait())
    elif len(words) >= 3 and words[0] in verbs:
        getattr(attach(words[1])[words[2]], words[0])(*words[3:])
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
