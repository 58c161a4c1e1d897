"""grid offload scan and execute, and what is refused."""
import os
import subprocess
import sys
import unittest

from gridtest import GridTest, Tree, state_of, wait_until, words_of


class Scan(GridTest):
    def test_scan_has_the_promised_shape_and_names_a_hog(self):
        hogs = [self.grid.start(program=["sh", "-c", "while :; do :; done"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True) for _ in range(2)]
        scan = self.grid.json("offload", "scan", "--top", "1000")
        self.assertLessEqual({"schema", "taken_at", "node", "decision", "candidates"}, scan.keys())
        self.assertEqual(scan["schema"], "grid/scan/1")
        self.assertRegex(scan["taken_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(scan["node"], "desk")
        decision = scan["decision"]
        self.assertIsInstance(decision["allowed"], bool)
        self.assertEqual(decision["policy"], "threshold")
        self.assertTrue(decision["reasons"])
        self.assertIsInstance(decision["thresholds"], dict)
        self.assertIn("cpu_high", decision["thresholds"])
        for refused in decision["refused_nodes"]:
            self.assertLessEqual({"node", "reason"}, refused.keys())
        reasons = {refused["node"]: refused["reason"] for refused in decision["refused_nodes"]}
        self.assertRegex(reasons.get("desk", ""), "^head: ", reasons)
        for each in scan["candidates"]:
            self.assertLessEqual({"pid", "command", "restartable", "reasons", "placements"}, each.keys())
            self.assertIn(each["restartable"], ("yes", "with_loss", "no"))
            for placement in each["placements"]:
                self.assertLessEqual({"node", "score"}, placement.keys())
                self.assertNotEqual(placement["node"], "desk")
        found = {each["pid"]: each for each in scan["candidates"]}
        for hog in hogs:
            self.assertIn(hog.pid, found)
            self.assertGreater(found[hog.pid]["cpu_fraction"], 0.02)
            self.assertGreater(found[hog.pid]["rss_bytes"], 10000)
            self.assertEqual(found[hog.pid]["restartable"], "yes", found[hog.pid])
        self.assertIsNone(self.grid.daemon_pid(), "a scan starts no daemon")

    def test_hostile_names_never_reach_the_output_raw(self):
        name = "\x1b]52;c;aGk=\x07\u202eevil\r\x9b31m"
        script = ("import ctypes,sys\n"
                  "ctypes.CDLL(None).prctl(15, b'\\x1b]52;c\\x07\\xe2\\x80\\xae', 0, 0, 0)\n"
                  "while True: pass\n")
        hog = self.grid.start(program=[sys.executable, "-S", "-c", script, name], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
        for words in (("offload", "scan", "--top", "1000"), ("policy", "explain"), ("why", str(hog.pid)),
                      ("offload", "execute", str(hog.pid), "--dry-run"), ("offload", "scan", "--json", "--top", "1000")):
            done = self.grid.run(*words, text=False)
            shown = done.stdout + done.stderr
            self.assertIn(str(hog.pid).encode(), shown, words)
            for raw in (b"\x1b", b"\x07", b"\r"):
                self.assertNotIn(raw, shown, words)
            if "--json" not in words:   # JSON holds text as it is
                self.assertNotIn("\u202e".encode(), shown, words)

    def test_hostile_names_in_an_error(self):
        hog = self.grid.start(program=["sh", "-c", "while :; do :; done", "\x1b]52;c;aGk=\x07\u202e\r\x9b31m"],
                              stdout=subprocess.PIPE, start_new_session=True)
        done = self.assert_exit(self.grid.run("offload", "execute", str(hog.pid), "--yes"), 4)
        self.assertIn("aGk=", done.stderr)
        for raw in ("\x1b", "\x07", "\u202e", "\r", "\x9b"):
            self.assertNotIn(raw, done.stdout + done.stderr)

    def test_no_colour_without_a_terminal(self):
        self.grid.run("run", "--", "true")
        for words in (("offload", "scan"), ("status",), ("ps",), ("node", "list"), ("help",), ("offload", "history")):
            self.assertNotIn("\x1b", self.grid.run(*words).stdout, words)


class Execute(GridTest):
    def test_a_tree_is_moved_and_its_files_come_home(self):
        tree = Tree(self.grid)
        done = self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--yes"), 0)
        self.assertEqual(tree.copies(), 1)
        self.assertEqual((tree.file("changed.txt"), tree.file("new.txt"), tree.file("kept.txt")), ("changed\n", "new\n", "old\n"))
        wait_until(lambda: not tree.alive(), 5, "the original's end")
        entry = self.grid.json("offload", "history")["entries"][0]
        self.assertEqual((entry["pid"], entry["from"], entry["to"], entry["state"]), (tree.pid, "desk", "sim1", "completed"))
        self.assertNotIn("\x1b", done.stdout + done.stderr)

    def test_the_head_is_never_a_target(self):
        tree = Tree(self.grid)
        done = self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--to", "desk", "--yes"), 4)
        self.assertIn("head", done.stderr)
        self.assertEqual(len(tree.alive()), 3)

    def test_unknown_target_names_the_nearest(self):
        tree = Tree(self.grid)
        done = self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--to", "sim2", "--yes"), 3)
        self.assertIn("sim1", done.stderr)

    def test_loss_must_be_accepted(self):
        with open(os.path.join(self.grid.work, "out"), "w", encoding="utf-8") as out:
            hog = self.grid.start(program=["sleep", "1000"], stdout=out, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: words_of(hog.pid)[:1] == [b"sleep"], 5)
        done = self.assert_exit(self.grid.run("offload", "execute", str(hog.pid)), 4)
        self.assertIn("--yes", done.stderr)
        # The daemon asks, too, whoever speaks to it.
        refused = self.grid.api("/v1/offload", "POST", {"pid": hog.pid, "accept_loss": False})
        self.assertEqual((refused.get("error") or {}).get("code"), "NotRestartable", refused)
        self.assertEqual(self.grid.json("offload", "history")["entries"], [])
        self.assertEqual(state_of(hog.pid), "S")

    def test_what_does_not_exist_or_is_not_named(self):
        self.assert_exit(self.grid.run("offload", "execute", "4194000"), 3)
        missing = self.assert_exit(self.grid.run("offload", "execute"), 2)
        self.assertIn("PID is missing", missing.stderr)

    def test_ourselves_are_not_moved(self):
        self.grid.run("daemon", "start")
        done = self.assert_exit(self.grid.run("offload", "execute", str(self.grid.daemon_pid()), "--yes"), 4)
        self.assertIn("grid_itself", done.stderr)
        # Nor is a tree that a grid runs in: here, the command itself.
        done = self.assert_exit(self.grid.run("offload", "execute", str(os.getpid()), "--yes"), 4)
        self.assertIn("grid_itself", done.stderr)


if __name__ == "__main__":
    unittest.main()
