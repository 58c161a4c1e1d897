"""Executions while the daemon, the shim or the task is killed or frozen."""
import os
import signal
import time
import unittest

from gridtest import GridTest, holding, read, state_of, wait_until, words_of


class Killed(GridTest):
    def shim_of(self, run):
        folder = wait_until(lambda: self.grid.run_folder(run), 20, "the run directory")
        found = wait_until(lambda: [pid for pid in holding(folder) if b"grid-shim" in b"".join(words_of(pid)[:1])],
                           20, "the shim")
        return found[0]

    def running(self, execution):
        def look():
            found = self.grid.api(f"/v1/executions/{execution}")
            return found["state"] == "running" and found["attempts"][-1]["pid"]
        return wait_until(look, 20, f"the start of {execution}")

    def test_tasks_go_on_without_the_daemon(self):
        go = os.path.join(self.grid.root, "go")
        script = f'echo "out $0"; echo "err $0" >&2; until [ -e {go} ]; do sleep 0.05; done; printf "\\0end"; exit $0'
        tasks = {self.grid.submit("sh", "-c", script, str(code)): code for code in range(11, 16)}
        pids = {task: self.running(task) for task in tasks}
        self.grid.kill_daemon()
        self.assertTrue(all(state_of(pid) for pid in pids.values()))
        listed = {each["id"]: each["state"] for each in self.grid.json("ps")["executions"]}
        self.assertEqual(listed, {task: "running" for task in tasks})
        self.grid.kill_daemon()
        with open(go, "w", encoding="utf-8"):   # they end while nobody looks
            pass
        wait_until(lambda: not any(state_of(pid) for pid in pids.values()), 20, "the tasks' ends")
        for task, code in tasks.items():
            self.assert_exit(self.grid.run("wait", task), code)
            logs = self.grid.run("logs", task, text=False)
            self.assertEqual((logs.stdout, logs.stderr), (f"out {code}\n\0end".encode(), f"err {code}\n".encode()))

    def test_an_array_goes_on_without_the_daemon(self):
        execution = self.grid.submit("sh", "-c", f'echo "$GRID_EXECUTION" >> {self.grid.root}/lines; sleep 0.02',
                                     options=("--array", "60"))
        wait_until(lambda: len(read(f"{self.grid.root}/lines").splitlines()) > 5, 20, "some elements")
        self.grid.kill_daemon()
        self.assert_exit(self.grid.run("wait", execution), 0)
        lines = read(f"{self.grid.root}/lines").splitlines()
        self.assertEqual(sorted(lines), sorted(f"1.{n}" for n in range(60)))

    def test_kill_9_of_the_task(self):
        execution = self.grid.submit("sleep", "1000")
        os.kill(self.running(execution), signal.SIGKILL)
        found = self.ended(execution)
        self.assertEqual((found["state"], found["signal"]), ("failed", 9))

    def test_kill_9_of_the_shim(self):
        execution = self.grid.submit("sleep", "1000")
        pid = self.running(execution)
        os.kill(self.shim_of("1.1"), signal.SIGKILL)
        found = self.ended(execution)
        self.assertEqual(found["state"], "aborted")
        self.assertTrue(found["reason"])
        self.assertFalse(state_of(pid), "the task of a lost run is ended")
        self.assert_exit(self.grid.run("wait", execution), 125)

    def test_kill_9_of_shim_and_daemon(self):
        execution = self.grid.submit("sleep", "1000")
        pid = self.running(execution)
        shim = self.shim_of("1.1")
        self.grid.kill_daemon()
        os.kill(shim, signal.SIGKILL)
        found = self.ended(execution)
        self.assertEqual(found["state"], "aborted")
        wait_until(lambda: not state_of(pid), 10, "the end of the task of a lost run")

    def test_a_frozen_daemon(self):
        execution = self.grid.submit("sh", "-c", "sleep 1; echo late; exit 3")
        self.running(execution)
        go = os.path.join(self.grid.root, "go")
        longer = self.grid.submit("sh", "-c", f"until [ -e {go} ]; do sleep 0.05; done; exit 4")
        self.running(longer)
        pid = self.grid.daemon_pid()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(3)   # the time itself is what is tested
        os.kill(pid, signal.SIGCONT)
        self.assert_exit(self.grid.run("wait", execution), 3)
        self.assertEqual(self.grid.run("logs", execution).stdout, "late\n")
        with open(go, "w", encoding="utf-8"):
            pass
        self.assert_exit(self.grid.run("wait", longer), 4)
        self.assertEqual(self.grid.daemon_pid(), pid)


if __name__ == "__main__":
    unittest.main()
