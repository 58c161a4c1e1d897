"""A running process leaves the head for another host, and its files come home; what is refused, and why."""
import os
import time

from clustertest import ClusterTest, Spec, main, wait_until
from disk import HOME
from gridtest import state_of
from hosts import is_alive

# Keeps a CPU busy. A copy, which finds GRID_EXECUTION in its environment, has less to do.
HOG = """n=4000000000; [ -z "$GRID_EXECUTION" ] || n=2000000
awk -v n=$n 'BEGIN { for (i = 0; i < n; i++) s += i % 7; print s > "result.txt" }'
echo changed > state.txt; hostname > where.txt; exit $CODE
"""


class Move(ClusterTest):
    specs = (Spec("head"), Spec("n1"), Spec("n2", server="dropbear", shell="dash"))

    def setUp(self):
        for host in self.cluster.hosts:
            self.figures.set(host)
            host.heal()

    def moving_grid(self, client="libssh2"):
        """A grid whose head shows its real processes; the load of the workers is made up."""
        config = self.config(client=client, run="allow").replace("head: { name: head, run: allow, file_root: /srv/figures }", "head: { name: head }")
        return self.grid(config + "offload: { environment: [CODE, LANG, PATH] }\n")

    def hog(self, code=0):
        """A process with children of its own in a folder. -> (pid on the head, pid outside, folder)"""
        folder = self.head.run("mktemp", "-d", HOME + "/hogXXXXXX").stdout.strip()
        self.head.write(folder + "/state.txt", "old\n")
        self.head.write(folder + "/kept.txt", "kept\n")
        script = "exec setsid sh -c '" + HOG.replace("'", "'\\''") + "' </dev/null >/dev/null 2>&1 & echo $!"
        inside = int(self.head.run("sh", "-c", script, cwd=folder, env={"CODE": str(code)}).stdout)
        outside = wait_until(lambda: next((pid for pid in self.head.processes() if self.pid_inside(pid) == inside), None), 5, "the hog")
        self.addCleanup(self.end_hog, folder)
        wait_until(lambda: any(words.startswith("awk") for words in self.head.processes().values()), 5, "its child")
        return inside, outside, folder

    @staticmethod
    def pid_inside(pid):
        try:
            with open(f"/proc/{pid}/status", encoding="latin-1") as file:
                return next(int(line.split()[-1]) for line in file if line.startswith("NSpid:"))
        except (OSError, StopIteration):
            return None

    def end_hog(self, folder):
        for pid in self.head.processes():
            try:
                if os.readlink(f"/proc/{pid}/cwd").endswith(folder):
                    self.head.kill_process(pid)
            except OSError:
                pass
        self.head.run("rm", "-rf", folder)

    def file(self, folder, name):
        return self.head.read(f"{folder}/{name}")

    def test_a_hog_runs_elsewhere_and_its_files_come_home(self):
        for client, target in (("libssh2", "n1"), ("openssh", "n2")):
            with self.subTest(client=client, target=target):
                grid = self.moving_grid(client)
                pid, outside, folder = self.hog()
                planned = self.assert_exit(grid.run("offload", "execute", str(pid), "--to", target, "--dry-run"), 0)
                self.assertIn(target, planned.stdout)
                self.assertEqual(state_of(outside) in "RS", True, "a dry run touches nothing")
                self.assertEqual(self.file(folder, "where.txt"), "")
                self.assert_exit(grid.run("offload", "execute", str(pid), "--to", target, "--yes", timeout=90), 0)
                self.assertEqual((self.file(folder, "where.txt"), self.file(folder, "state.txt"), self.file(folder, "kept.txt")),
                                 (target + "\n", "changed\n", "kept\n"))
                self.assertTrue(self.file(folder, "result.txt").strip().isdigit())
                wait_until(lambda: not is_alive(outside), 10, "the original's end")
                entry = grid.json("offload", "history")["entries"][0]
                self.assertEqual((entry["pid"], entry["from"], entry["to"], entry["state"]), (pid, "head", target, "completed"))
                self.assertEqual(self.tasks(self.cluster[target]), {})

    def test_the_original_goes_on_when_the_copy_fails(self):
        grid = self.moving_grid()
        pid, outside, folder = self.hog(code=3)
        self.assertNotEqual(grid.run("offload", "execute", str(pid), "--to", "n1", "--yes", timeout=90).returncode, 0)
        wait_until(lambda: state_of(outside) in ("R", "S"), 10, "the original to go on")
        self.assertEqual((self.file(folder, "state.txt"), self.file(folder, "where.txt")), ("old\n", ""))

    def test_an_original_that_is_stopped_first(self):
        grid = self.moving_grid()
        pid, outside, folder = self.hog()
        self.assert_exit(grid.run("offload", "execute", str(pid), "--to", "n1", "--original", "stop", "--yes", timeout=90), 0)
        self.assertFalse(is_alive(outside))
        self.assertEqual(self.file(folder, "where.txt"), "n1\n")

    def test_the_target_is_found_by_itself(self):
        grid = self.moving_grid()
        self.figures.set(self.cluster["n1"], cpu=0.99, memory=0.95)
        pid, _, folder = self.hog()
        grid.run("daemon", "start")
        wait_until(lambda: (self.node(grid, "n1") or {}).get("cpu_fraction", 0) > 0.9 and self.node(grid, "n2").get("cpu_fraction") is not None,
                   30, "the nodes' figures")
        self.assert_exit(grid.run("offload", "execute", str(pid), "--yes", timeout=90), 0)
        self.assertEqual(self.file(folder, "where.txt"), "n2\n")

    @staticmethod
    def node(grid, name):
        return next((each for each in grid.json("node", "list")["nodes"] if each["name"] == name), None)

    def test_the_head_is_never_a_target(self):
        # Also not when a worker's address leads back to it.
        config = self.config(run="allow").replace("head: { name: head, run: allow, file_root: /srv/figures }", "head: { name: head }")
        grid = self.grid(config.replace("policy: threshold", "  mirror: { transport: ssh, address: head }\npolicy: threshold"))
        pid, outside, folder = self.hog()
        for target in ("head", "mirror"):
            done = grid.run("offload", "execute", str(pid), "--to", target, "--yes", timeout=60)
            self.assert_exit(done, 4)
            self.assertIn("head", done.stderr)
        wait_until(lambda: state_of(outside) in ("R", "S"), 10, "the original to go on")
        self.assertEqual(self.file(folder, "where.txt"), "")
        self.assertNotEqual(grid.run("run", "--on", "mirror", "--", "true").returncode, 0)

    def test_no_eligible_target_shows_each_node_s_pressure(self):
        grid = self.moving_grid()
        for host in self.cluster.workers:
            self.figures.set(host, cpu=0.99, memory=0.97)
        pid, outside, _ = self.hog()
        grid.run("daemon", "start")
        wait_until(lambda: all((self.node(grid, name) or {}).get("cpu_fraction", 0) > 0.9 for name in ("n1", "n2")), 30, "the nodes' figures")
        done = self.assert_exit(grid.run("offload", "execute", str(pid), "--yes"), 4)
        for wanted in ("n1", "n2", "head", "99 %"):
            self.assertIn(wanted, done.stderr)
        found = grid.json("offload", "execute", str(pid), "--yes")
        self.assertEqual(found["error"]["code"], "NoEligibleTarget", found)
        self.assertTrue(found["error"]["hint"])
        self.assertIn(state_of(outside), ("R", "S"))

    def test_no_node_answers(self):
        grid = self.moving_grid()
        for host in self.cluster.workers:
            host.stop_server()
            self.addCleanup(host.start_server)
        pid, outside, _ = self.hog()
        done = self.assert_exit(grid.run("offload", "execute", str(pid), "--yes", timeout=90), 4)
        for wanted in ("n1", "n2"):
            self.assertIn(wanted, done.stderr)
        named = grid.run("offload", "execute", str(pid), "--to", "n1", "--yes", timeout=90)
        self.assertIn(named.returncode, (4, 5), named.stderr)
        self.assertIn(state_of(outside), ("R", "S"))

    def test_a_target_that_goes_away_in_the_middle(self):
        grid = self.moving_grid()
        pid, outside, folder = self.hog()
        number = self.assert_exit(grid.run("offload", "execute", str(pid), "--to", "n1", "--yes", "-d", timeout=60), 0).stdout.split()[0]
        host = self.cluster["n1"]
        host.cut()
        time.sleep(3)
        host.heal()
        found = grid.ended(number, 90)
        self.assertEqual(found["state"], "completed", found)
        self.assertEqual(self.file(folder, "where.txt"), "n1\n")
        wait_until(lambda: not is_alive(outside), 10, "the original's end")


if __name__ == "__main__":
    main()
