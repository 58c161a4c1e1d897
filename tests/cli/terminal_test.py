"""What happens on a terminal: questions, Ctrl-C, colours."""
import os
import subprocess
import unittest

from gridtest import GridTest, Tree, read, wait_until

try:
    import pexpect
except ImportError:
    pexpect = None


@unittest.skipIf(pexpect is None, "python3-pexpect is not installed")
class Terminal(GridTest):
    def spawn(self, *words, **environment):
        child = pexpect.spawn(self.grid.command()[0], list(words), cwd=self.grid.work, timeout=20, encoding="utf-8",
                              codec_errors="replace", env={**self.grid.environment, "TERM": "xterm", **environment})
        self.addCleanup(child.close, True)
        return child

    def test_ctrl_c_forwards_once_and_detaches_at_the_second(self):
        mark = os.path.join(self.grid.root, "int")
        beat = os.path.join(self.grid.root, "beat")
        script = f"trap 'echo got >> {mark}' INT; echo ready; while :; do sleep 0.05; : > {beat}; done"
        child = self.spawn("run", "--", "sh", "-c", script)
        child.expect("ready")
        child.sendintr()
        wait_until(lambda: read(mark) == "got\n", 10, "the forwarded signal")
        child.expect("once more leaves it running")
        self.assertTrue(child.isalive())
        child.sendintr()
        child.expect("1 goes on")
        child.expect(pexpect.EOF)
        child.wait()
        self.assertEqual(child.exitstatus, 130)
        for _ in range(2):   # by the second beat it has taken every signal that was sent
            os.unlink(beat)
            wait_until(lambda: os.path.exists(beat), 10, "the task's next beat")
        self.assertEqual(read(mark), "got\n")
        self.assertEqual(self.grid.json("ps")["executions"][0]["state"], "running")
        self.assert_exit(self.grid.run("cancel", "1"), 0)

    def test_a_missing_pid_is_asked_for(self):
        tree = Tree(self.grid)
        self.grid.start(program=["sh", "-c", "while :; do :; done"], start_new_session=True, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
        self.grid.run("daemon", "start")
        wait_until(lambda: [each for each in self.grid.api("/v1/candidates")["candidates"] if each["restartable"] != "no"], 20,
                   "candidates to pick from")
        child = self.spawn("offload", "execute")
        child.expect(r"PID \(1-\d+\): ")
        child.sendline("0")
        child.expect("not on the list")
        child.sendline("")
        child.expect(pexpect.EOF)
        child.wait()
        self.assertEqual(child.exitstatus, 2)
        self.assertEqual(len(tree.alive()), 3)

    def test_colour_is_off_where_it_is_not_wanted(self):
        coloured = self.spawn("offload", "scan", "--top", "3")
        coloured.expect(pexpect.EOF)
        self.assertIn("\x1b[", coloured.before)
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            plain = self.spawn("offload", "scan", "--top", "3", **environment)
            plain.expect(pexpect.EOF)
            self.assertNotIn("\x1b[3", plain.before)
            self.assertNotIn("\x1b[1", plain.before)

    def test_a_task_cannot_command_the_terminal(self):
        self.grid.run("run", "-d", "--", "printf", r"a\033]52;c;aGk=\007b")
        self.grid.run("wait", "1")
        child = self.spawn("logs", "1")
        child.expect(pexpect.EOF)
        self.assertIn("aGk=", child.before)
        self.assertNotIn("\x1b", child.before)
        self.assertNotIn("\x07", child.before)

    def test_hostile_names_do_not_reach_the_terminal(self):
        self.grid.start(program=["sh", "-c", "while :; do :; done", "\x1b]52;c;aGk=\x07\u202e"], start_new_session=True,
                        stdout=subprocess.DEVNULL)
        child = self.spawn("offload", "scan", "--top", "1000")
        child.expect(pexpect.EOF)
        self.assertIn("aGk=", child.before)
        self.assertNotIn("\x1b]52", child.before)
        self.assertNotIn("\u202e", child.before)


if __name__ == "__main__":
    unittest.main()
