"""grid run, wait, logs and cancel, as a user meets them."""
import os
import random
import signal
import subprocess
import unittest

from gridtest import GridTest, holding, read, state_of, wait_until, words_of


class Run(GridTest):
    def assert_bytes(self, found, wanted):
        """assertEqual would seek the differences of long bytes for minutes."""
        if found == wanted:
            return
        at = len(os.path.commonprefix([found, wanted]))
        self.fail(f"{len(found)} bytes instead of {len(wanted)}; from byte {at} on: {found[at:at + 40]!r}, not {wanted[at:at + 40]!r}")

    def test_exit_code_is_the_command_s(self):
        for code in (0, 7, 255):
            self.assert_exit(self.grid.run("run", "--", "sh", "-c", f"exit {code}"), code)

    def test_arguments_arrive_exactly(self):
        dice = random.Random(2)
        pieces = [b" ", b"'", b'"', b"\n", b"$(id)", b"`id`", b"\xff\xfe", b"\\", b"*", b"--", b"-e", b"a", "é".encode(),
                  b"\t", b"\x1b[1m", b"${HOME}", b";", b"&", b"\x80", b"{\"b64\": \"QQ==\"}", b"%s", b"#", b"~", b"=", b"!"]
        words = [b"".join(dice.choice(pieces) for _ in range(dice.randrange(6))) for _ in range(300)]
        done = self.grid.run("run", "--", "sh", "-c", r'printf "%s\0" "$@"', "sh", *words, text=False)
        self.assert_exit(done, 0)
        self.assertEqual(done.stdout.split(b"\0")[:-1], words)

    def test_exit_137_and_kill_9_are_told_apart(self):
        exited = self.assert_exit(self.grid.run("run", "--", "sh", "-c", "exit 137"), 137)
        killed = self.assert_exit(self.grid.run("run", "--", "sh", "-c", "kill -9 $$"), 137)
        self.assertNotIn("signal", exited.stderr)
        self.assertIn("signal 9 (SIGKILL)", killed.stderr)
        one, two = self.grid.json("wait", "1"), self.grid.json("wait", "2")
        self.assertEqual((one["exit_code"], one["signal"]), (137, None))
        self.assertEqual((two["exit_code"], two["signal"]), (None, 9))

    def test_what_cannot_run(self):
        absent = self.assert_exit(self.grid.run("run", "--", "no-such-program-here"), 127)
        self.assertIn("no-such-program-here", absent.stderr)
        plain = os.path.join(self.grid.work, "plain")
        with open(plain, "w", encoding="utf-8") as file:
            file.write("no program")
        os.chmod(plain, 0o644)
        self.assert_exit(self.grid.run("run", "--", plain), 126)

    def test_stdin(self):
        self.assertEqual(self.grid.run("run", "--", "readlink", "/proc/self/fd/0").stdout, "/dev/null\n")
        bytes_in = bytes(range(256)) * 300
        piped = self.grid.run("run", "--stdin", "-", "--", "cat", text=False, stdin=None, input=bytes_in)
        self.assert_bytes(piped.stdout, bytes_in)
        with open(os.path.join(self.grid.work, "in"), "wb") as file:
            file.write(b"from a file")
        self.assertEqual(self.grid.run("run", "--stdin", "in", "--", "cat").stdout, "from a file")
        self.assert_exit(self.grid.run("run", "--stdin", "absent", "--", "cat"), 125)

    def test_environment_and_folder(self):
        done = self.grid.run("run", "-e", "A=b c", "-e", "FROM_HERE", "--", "sh", "-c", 'echo "$A|$FROM_HERE|$SECRET"; pwd',
                             env={"FROM_HERE": "here", "SECRET": "kept"})
        self.assertEqual(done.stdout, f"b c|here|\n{self.grid.work}\n")

    def test_detached_prints_the_id_alone(self):
        done = self.assert_exit(self.grid.run("run", "-d", "--", "sh", "-c", "echo out; exit 3"), 0)
        self.assertEqual((done.stdout, done.stderr), ("1\n", ""))
        self.assert_exit(self.grid.run("wait", "1"), 3)

    def test_wait_has_a_time_limit_and_a_code_for_no_code(self):
        long = self.grid.submit("sleep", "1000")
        self.assert_exit(self.grid.run("wait", long, "--timeout", "0.2s"), 124)
        self.assert_exit(self.grid.run("cancel", long), 0)
        self.assertIn(self.grid.run("wait", long).returncode, (125, 128 + signal.SIGTERM))
        never = self.grid.submit("true", options=("--cpus", "1000"))
        self.assert_exit(self.grid.run("cancel", never), 0)
        self.assert_exit(self.grid.run("wait", never), 125)
        self.assert_exit(self.grid.run("wait", "99"), 3)

    def test_logs_are_exact_on_both_streams(self):
        script = r"""printf 'a\000\377\n'; printf 'b\033[2J' >&2; head -c 300000 /dev/zero | tr '\0' x; printf end >&2"""
        out, err = b"a\0\xff\n" + b"x" * 300000, b"b\x1b[2Jend"
        done = self.assert_exit(self.grid.run("run", "--", "sh", "-c", script, text=False), 0)
        self.assert_bytes(done.stdout, out)
        self.assert_bytes(done.stderr, err)
        logs = self.assert_exit(self.grid.run("logs", "1", text=False), 0)
        self.assert_bytes(logs.stdout, out)
        self.assert_bytes(logs.stderr, err)
        self.assertEqual(self.grid.run("logs", "1", "--stream", "stderr", text=False).stdout, b"")

    def test_logs_follow_while_it_runs(self):
        go = os.path.join(self.grid.root, "go")
        execution = self.grid.submit("sh", "-c", f'echo one; until [ -e {go} ]; do sleep 0.05; done; echo two')
        seen = os.path.join(self.grid.root, "seen")
        with open(seen, "wb") as out:
            follower = self.grid.start("logs", "-f", execution, stdout=out)
        wait_until(lambda: read(seen) == "one\n", 20, "the first line")
        self.assertIsNone(follower.poll())
        with open(go, "w", encoding="utf-8"):
            pass
        self.assertEqual(follower.wait(20), 0)
        self.assertEqual(read(seen), "one\ntwo\n")

    def test_cancel_ends_all_it_started(self):
        mark = f"CANCEL_MARK={self.grid.root}"
        # A child that left the session, an orphan, an orphan that left the session, and a plain child.
        script = "setsid sleep 1001 & (sleep 1002 &) ; (setsid sleep 1003 &) ; sleep 1004"
        execution = self.grid.submit("sh", "-c", script, options=("-e", mark))
        started = wait_until(lambda: len(found := [pid for pid in holding(mark) if words_of(pid)[:1] == [b"sleep"]]) >= 4 and found,
                             20, "the task's processes")
        self.assert_exit(self.grid.run("cancel", execution), 0)
        self.assertEqual(self.ended(execution)["state"], "cancelled")
        wait_until(lambda: not [pid for pid in started if state_of(pid)], 15, "the end of all of them")

    def test_array_with_one_failing_element(self):
        done = self.grid.run("run", "--array", "50", "--", "sh", "-c",
                             'case $GRID_EXECUTION in *.17) exit 9;; esac; echo "$GRID_EXECUTION"')
        self.assert_exit(done, 9)
        array = self.grid.json("wait", "1")
        self.assertEqual((array["counts"]["completed"], array["counts"]["failed"]), (49, 1))
        self.assertEqual(array["state"], "failed")
        self.assert_exit(self.grid.run("wait", "1.17"), 9)
        self.assert_exit(self.grid.run("wait", "1.16"), 0)
        self.assertEqual(self.grid.run("logs", "1.16").stdout, "1.16\n")

    def test_unknown_node_names_the_nearest(self):
        done = self.assert_exit(self.grid.run("run", "--on", "sim2", "--", "true"), 125)
        self.assertIn("sim1", done.stderr)

    def test_pinned_node(self):
        self.grid.run("run", "--on", "sim1", "--", "true")
        found = self.grid.json("wait", "1")
        self.assertEqual((found["node"], found["simulated"]), ("sim1", True))


class Deny(GridTest):
    options = {"head_run": "deny"}

    def test_a_head_that_takes_no_work(self):
        self.assert_exit(self.grid.run("run", "--", "true"), 0)
        self.assertEqual(self.grid.json("wait", "1")["node"], "sim1")
        done = self.assert_exit(self.grid.run("run", "--on", "desk", "--", "true"), 125)
        self.assertIn("deny", done.stderr)


if __name__ == "__main__":
    unittest.main()
