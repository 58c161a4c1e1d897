"""The cluster itself: what its hosts have of their own, and each verb, by plain ssh."""
import os
import signal
import subprocess
import sys
import time
import unittest

from clustertest import ClusterTest, Spec, main, wait_until
from gridtest import read
from hosts import Cluster, saved

OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=2")


class Hosts(ClusterTest):
    specs = (Spec("head", users=("ob",)), Spec("n1", users=("ob",), shell="fish", shared={"/shared": "one"}),
             Spec("n2", server="dropbear", profile="noise", port=2222, shared={"/shared": "one"}, tmpfs=("/srv/t",)),
             Spec("n3", shell="tcsh", host_keys=("rsa",)), Spec("n4", shell="busybox", sh="busybox"))

    def ssh(self, name, *words, **options):
        return self.head.run("ssh", *OPTIONS, name, *words, **options)

    def test_each_is_a_host_of_its_own(self):
        facts = [self.ssh(host.name, "cat /etc/machine-id /proc/sys/kernel/random/boot_id; hostname").stdout.split()[-3:]
                 for host in self.cluster.workers]
        self.assertEqual([each[2] for each in facts], ["n1", "n2", "n3", "n4"])
        for column in (0, 1):
            self.assertEqual(len({each[column] for each in facts}), 4)
        self.assertEqual(self.ssh("ob@n1", "id -un; pwd").stdout, "ob\n/home/ob\n")

    def test_no_disk_is_shared_unless_asked_for(self):
        for folder in ("/", "/root", "/home", "/tmp", "/var/tmp", "/var/lib", "/etc", "/dev/shm", "/run", "/usr/local", "/shared"):
            mark = os.path.join(folder, "mark-of-n1")
            self.cluster["n1"].run("touch", mark)
            self.assertFalse(os.path.exists(mark), mark)
            self.assertEqual(self.cluster["n2"].run("test", "-e", mark, check=False).returncode == 0, folder == "/shared", mark)
        self.assertIn("tmpfs", self.cluster["n2"].run("stat", "-f", "-c", "%T", "/srv/t").stdout)

    def test_only_the_head_sees_the_project(self):
        self.assertEqual(self.head.run("test", "-e", __file__, check=False).returncode, 0)
        self.assertNotEqual(self.cluster["n1"].run("test", "-e", __file__, check=False).returncode, 0)
        self.assertNotEqual(self.head.run("touch", __file__, check=False).returncode, 0)

    def test_login_shells_and_profiles(self):
        shells = {host.name: self.ssh(host.name, "echo $0").stdout.split()[-1] for host in self.cluster.workers[1:]}
        self.assertEqual(shells, {"n2": "bash", "n3": "tcsh", "n4": "ash"})
        self.assertEqual(self.ssh("n1", "echo $FISH_VERSION").stdout.count("."), 2)
        noisy = self.ssh("n2", "true")
        self.assertEqual((noisy.stdout, noisy.stderr), ("welcome to this machine\n", "and mind the step\n"))
        self.assertEqual(self.cluster["n4"].run("sh", "-c", "readlink /bin/sh").stdout, "busybox\n")

    def test_cut_is_silence_and_heal_ends_it(self):
        talk = self.head.popen("ssh", *OPTIONS, "n1", "while true; echo x; sleep 0.1; end", stdout=subprocess.PIPE)
        self.assertEqual(talk.stdout.readline(), b"x\n")
        self.cluster["n1"].cut()
        self.assertEqual(self.ssh("n1", "true", check=False).returncode, 255)
        self.assertIsNone(talk.poll())
        self.cluster["n1"].heal()
        # ARP may remember that nobody was there.
        wait_until(lambda: self.ssh("n1", "true", check=False).returncode == 0, 10, "a connect")
        os.set_blocking(talk.stdout.fileno(), False)
        while talk.stdout.read(1000):
            pass
        wait_until(lambda: talk.stdout.read(10), 20, "the open connection to go on")
        self.head.kill_process(talk.pid)
        talk.wait(5)
        talk.stdout.close()

    def test_cut_between_two(self):
        one, two = self.cluster["n1"], self.cluster["n3"]
        reach = lambda host: host.run("bash", "-c", f"timeout 1 bash -c ': </dev/tcp/{two.address}/22'", check=False).returncode == 0
        one.cut(peer=two)
        self.assertFalse(reach(one))
        self.assertTrue(reach(self.head))
        one.heal()
        wait_until(lambda: reach(one), 10, "the way between them")

    def test_kill_start_and_what_stays(self):
        host = self.cluster["n4"]
        boot = self.ssh("n4", "cat /proc/sys/kernel/random/boot_id").stdout
        host.run("touch", "/var/tmp/stays")
        sleeper = host.popen("sleep", "1000")
        host.kill()
        self.assertNotEqual(sleeper.wait(5), 0)
        self.assertEqual(self.ssh("n4", "true", check=False).returncode, 255)
        host.start()
        wait_until(lambda: self.ssh("n4", "true", check=False).returncode == 0, 10, "a connect")
        self.assertNotEqual(self.ssh("n4", "cat /proc/sys/kernel/random/boot_id; test -e /var/tmp/stays").stdout, boot)

    def test_freeze_and_thaw(self):
        host = self.cluster["n3"]
        host.freeze()
        self.assertEqual(self.ssh("n3", "true", check=False).returncode, 255)
        host.thaw()
        self.assertEqual(self.ssh("n3", "true").returncode, 0)

    def test_slow(self):
        def seconds():
            start = time.monotonic()
            self.assertEqual(len(self.ssh("n1", "head -c 300000 /dev/zero").stdout), 300000)
            return time.monotonic() - start
        self.cluster["n1"].slow("2mbit")
        self.assertGreater(seconds(), 0.8)
        self.cluster["n1"].slow(None)

    def test_the_server_goes_and_comes(self):
        for name in ("n1", "n2"):
            host = self.cluster[name]
            before = host.connections()
            self.ssh(name, "true")
            self.assertEqual(host.connections(), (before[0] + 1, before[1] + 1))
            host.stop_server()
            self.assertEqual(self.ssh(name, "true", check=False).returncode, 255)
            host.start_server()
            self.ssh(name, "true")

    def test_figures(self):
        host = self.cluster["n1"]
        self.figures.set(host, cpu=0.9)
        read = lambda: list(map(int, host.read("/srv/figures/proc/stat").split()[1:5]))
        first = read()
        wait_until(lambda: read()[0] > first[0] + 100, 5, "the counters to go on")
        last = read()
        self.assertAlmostEqual((last[0] - first[0]) / (sum(last) - sum(first)), 0.9, delta=0.03)
        self.figures.set(host)


class Remains(unittest.TestCase):
    def test_nothing_stays(self):
        facts = lambda: (subprocess.run(["ip", "-o", "link"], capture_output=True, check=True).stdout,
                         read("/proc/self/mounts"),
                         sorted(name for name in os.listdir("/tmp") if name.startswith("grid-cluster-remains")))
        before = facts()
        start = time.monotonic()
        with Cluster("remains", [Spec("head"), Spec("n1"), Spec("n2")]):
            up = time.monotonic() - start
        self.assertEqual(facts(), before)
        print(f"three hosts were up after {up:.2f} s", file=sys.stderr)
        self.assertLess(up, 5, "even on a machine that does much else")

    def test_nothing_stays_after_kill_9(self):
        script = "from hosts import *\nwith Cluster('remains', [Spec('head'), Spec('n1')]) as c:\n  print('up', flush=True)\n  signal.pause()"
        holder = subprocess.Popen([sys.executable, "-B", "-c", script], stdout=subprocess.PIPE, cwd=os.path.dirname(os.path.abspath(__file__)))
        self.assertEqual(holder.stdout.readline(), b"up\n")
        folder = "/tmp/grid-cluster-remains"
        self.assertIsNotNone(saved(folder))
        holder.send_signal(signal.SIGKILL)
        holder.wait(5)
        holder.stdout.close()
        wait_until(lambda: saved(folder) is None, 10, "the hub's end")
        with Cluster("remains", [Spec("head"), Spec("n1")]) as cluster:
            cluster.head.run("ssh", *OPTIONS, "n1", "true")
        self.assertFalse(os.path.exists(folder) or os.path.exists(folder + ".lock"))

    def test_two_at_once(self):
        with Cluster("remains", [Spec("head"), Spec("n1")]) as one, Cluster("remains2", [Spec("head"), Spec("n1")]) as two:
            one["n1"].run("touch", "/tmp/of-one")
            self.assertEqual(two.head.run("ssh", *OPTIONS, "n1", "test -e /tmp/of-one", check=False).returncode, 1)


if __name__ == "__main__":
    main()
