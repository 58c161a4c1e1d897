"""Several programs at once, a second daemon, and folders that take nothing: a clear error, and nothing lost."""
import json
import os
import subprocess
import unittest

from gridtest import GridTest, holding, wait_until, words_of


def can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


class Daemon(GridTest):
    def test_ten_at_once_share_one_daemon(self):
        started = [self.grid.start("run", "--", "sh", "-c", f"exit {n}", stderr=subprocess.PIPE) for n in range(10)]
        for code, process in enumerate(started):
            self.assertEqual(process.wait(60), code, process.stderr.read())
        daemons = [pid for pid in holding(self.grid.root) if b"daemon" in words_of(pid)]
        self.assertEqual(daemons, [self.grid.daemon_pid()])
        self.assertEqual(len(self.grid.json("ps")["executions"]), 10)

    def test_a_second_daemon_is_told_who_holds_it(self):
        self.assert_exit(self.grid.run("daemon", "start"), 0)
        pid = self.grid.daemon_pid()
        second = self.assert_exit(self.grid.run("daemon", "run"), 6)
        self.assertIn(str(pid), second.stderr)
        self.assertEqual(self.grid.daemon_pid(), pid)

    def test_none_is_started_where_it_is_not_wanted(self):
        self.assert_exit(self.grid.run("ps", "--no-start"), 6)
        self.assert_exit(self.grid.run("daemon", "stop"), 6)

    def test_the_next_verb_restarts_one_that_was_killed(self):
        self.assert_exit(self.grid.run("run", "--", "sh", "-c", "exit 3"), 3)
        old = self.grid.kill_daemon()
        self.assert_exit(self.grid.run("wait", "1"), 3)
        self.assertNotIn(self.grid.daemon_pid(), (None, old))

    def test_a_stopped_daemon_leaves_its_tasks(self):
        execution = self.grid.submit("sh", "-c", "sleep 1; exit 4")
        wait_until(lambda: self.grid.api(f"/v1/executions/{execution}")["state"] == "running", 20, "its start")
        self.assert_exit(self.grid.run("daemon", "stop"), 0)
        self.assertIsNone(self.grid.daemon_pid())
        self.assert_exit(self.grid.run("wait", execution), 4)


@unittest.skipUnless(can_mount(), "mounts need root and unshare")
class Folders(GridTest):
    """In a mount namespace of its own: this test mounts nothing that others see."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.grid.state, 0o700)
        # One process holds the namespace; every other command enters it.
        self.keeper = self.grid.start(program=["unshare", "-m", "sleep", "1000"])
        mine = os.readlink("/proc/self/ns/mnt")
        wait_until(lambda: os.readlink(f"/proc/{self.keeper.pid}/ns/mnt") != mine, 10, "the namespace")

    def inside(self, *words, code=None):
        done = subprocess.run(["nsenter", "-m", "-t", str(self.keeper.pid), f"--wd={self.grid.work}", *words], text=True,
                              env=self.grid.environment, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
        return done if code is None else self.assert_exit(done, code)

    def grid_inside(self, *words, code=None):
        return self.inside(*self.grid.command(*words), code=code)

    def test_a_state_folder_that_is_read_only(self):
        self.inside("mount", "--bind", self.grid.state, self.grid.state, code=0)
        self.inside("mount", "-o", "remount,ro,bind", self.grid.state, code=0)
        done = self.grid_inside("run", "--", "true")
        self.assertEqual(done.returncode, 125, done)
        self.assertIn(self.grid.state, done.stderr)
        self.assertIn("Read-only file system", done.stderr)
        listed = self.grid_inside("ps")
        self.assertIn(listed.returncode, (1, 6), listed)
        self.assertIn("Read-only file system", listed.stderr)
        self.inside("mount", "-o", "remount,rw,bind", self.grid.state, code=0)
        self.grid_inside("run", "--", "true", code=0)

    def test_a_full_disk_loses_nothing(self):
        self.inside("mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "none", self.grid.state, code=0)
        self.grid_inside("run", "-d", "--", "sh", "-c", "echo before; exit 5", code=0)
        self.grid_inside("wait", "1", code=5)
        done_file = os.path.join(self.grid.root, "done")
        self.grid_inside("run", "-d", "--", "sh", "-c", f"until [ -e {done_file} ]; do sleep 0.05; done; exit 6", code=0)
        # Until its start is written down, or that would be the first thing to fail.
        wait_until(lambda: "execution_started" in self.grid_inside("why", "2", "--json", code=0).stdout, 20, "its start")
        self.inside("sh", "-c", f"cat /dev/zero > {self.grid.state}/ballast")
        large = self.grid_inside("run", "-d", "--", "true", *["x" * 100000] * 10)
        self.assertEqual(large.returncode, 1, large)
        self.assertRegex(large.stderr.lower(), "full|space")
        accepted = []
        for _ in range(20):
            done = self.grid_inside("run", "-d", "--", "sh", "-c", "exit 7")
            if done.returncode != 0:
                break
            accepted.append(done.stdout.strip())
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr.lower(), "full|space")
        with open(done_file, "w", encoding="utf-8"):
            pass
        wait_until(lambda: json.loads(self.grid_inside("daemon", "status", "--json").stdout)["degraded"], 20,
                   "an end that cannot be written down")
        self.inside("rm", f"{self.grid.state}/ballast", code=0)
        self.grid_inside("wait", "1", code=5)
        self.assertEqual(self.grid_inside("logs", "1", code=0).stdout, "before\n")
        self.grid_inside("wait", "2", code=6)
        for execution in accepted:
            self.grid_inside("wait", execution, code=7)
        wait_until(lambda: self.grid_inside("run", "--", "sh", "-c", "exit 8").returncode == 8, 20, "new work to be accepted")
        # The next daemon knows of them from the disk alone.
        self.grid_inside("daemon", "stop", code=0)
        for execution, code in {"1": 5, "2": 6, **dict.fromkeys(accepted, 7)}.items():
            self.grid_inside("wait", execution, code=code)


if __name__ == "__main__":
    unittest.main()
