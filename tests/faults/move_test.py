"""Moves that meet accidents: someone continues, kills or cancels; the copy fails; both sides change a file."""
import os
import signal
import unittest

from gridtest import GridTest, Tree, state_of, wait_until


class Move(GridTest):
    def begin(self, tree, *options):
        done = self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--yes", "-d", *options), 0)
        return done.stdout.split()[0]

    def copy_runs(self, tree, execution):
        wait_until(lambda: tree.copies() == 1, 20, "the copy")
        wait_until(lambda: self.grid.api(f"/v1/executions/{execution}")["move"]["phase"] == "running", 10, "phase running")

    def attempts(self, execution):
        return [(a["number"], a["kind"], a["state"]) for a in self.grid.api(f"/v1/executions/{execution}")["attempts"]]

    def runs_on(self, tree):
        wait_until(lambda: not tree.stopped(), 10, "the original to go on")
        self.assertEqual(len(tree.alive()), 3)

    def test_all_of_a_tree_is_paused(self):
        tree = Tree(self.grid, seconds=1000)
        execution = self.begin(tree)
        self.copy_runs(tree, execution)
        self.assertEqual(sorted(tree.stopped()), sorted(tree.members))
        self.assertEqual(self.attempts(execution), [(1, "adopted", "suspended"), (2, "run", "running")])

    def test_one_that_is_continued_by_hand_ends_the_copy(self):
        tree = Tree(self.grid, seconds=1000)
        execution = self.begin(tree)
        self.copy_runs(tree, execution)
        for pid in tree.members:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: self.attempts(execution)[1][2] == "ended", 20, "the copy's end")
        self.runs_on(tree)
        found = self.grid.api(f"/v1/executions/{execution}")
        self.assertIn("continued_by_hand", found["reason"])

    def test_the_copy_decides_when_the_original_dies_suspended(self):
        for code, state in ((0, "completed"), (3, "failed")):
            with self.subTest(code=code):
                tree = Tree(self.grid, seconds=3, code=code)
                execution = self.begin(tree)
                self.copy_runs(tree, execution)
                tree.end()
                self.assertEqual(self.ended(execution)["state"], state)
                self.assertEqual(tree.copies(), 1)
                self.assertEqual(tree.file("new.txt"), "new\n" if code == 0 else "")

    def test_the_original_goes_on_when_the_copy_fails(self):
        tree = Tree(self.grid, code=3)
        execution = self.begin(tree)
        wait_until(lambda: len(self.attempts(execution)) == 3, 20, "attempt 3")
        self.runs_on(tree)
        self.assertEqual(self.attempts(execution)[1:], [(2, "run", "ended"), (3, "resumed", "running")])
        self.assertEqual(tree.file("changed.txt"), "old\n")

    def test_the_original_goes_on_after_a_cancel(self):
        tree = Tree(self.grid, seconds=1000)
        execution = self.begin(tree)
        self.copy_runs(tree, execution)
        self.assert_exit(self.grid.run("cancel", execution), 0)
        self.assertEqual(self.ended(execution)["state"], "cancelled")
        self.runs_on(tree)

    def test_a_pause_does_not_free_memory(self):
        tree = Tree(self.grid)
        done = self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--yes", "--trigger", "memory",
                                              "--original", "pause"), 4)
        self.assertIn("pause_does_not_free", done.stderr)
        self.assertEqual((len(tree.alive()), tree.stopped(), tree.copies()), (3, [], 0))
        self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--yes", "--trigger", "memory",
                                       "--original", "stop"), 0)
        self.assertEqual((tree.alive(), tree.copies()), ([], 1))

    def test_an_original_that_is_kept(self):
        tree = Tree(self.grid)
        self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--yes", "--original", "keep"), 0)
        self.runs_on(tree)
        self.assertEqual(tree.copies(), 1)

    def test_a_file_that_changed_on_both_sides(self):
        tree = Tree(self.grid, seconds=3)
        execution = self.begin(tree)
        self.copy_runs(tree, execution)
        with open(os.path.join(tree.folder, "changed.txt"), "w", encoding="utf-8") as file:
            file.write("changed here\n")
        found = self.ended(execution)
        self.assertEqual(found["state"], "completed")
        self.assertEqual(tree.file("changed.txt"), "changed here\n")
        self.assertEqual(tree.file(f"changed.txt.grid-{execution}"), "changed\n")
        self.assertEqual(found["move"]["conflicts"], [f"changed.txt.grid-{execution}"])


class MemoryPressure(GridTest):
    """The same refusal when memory is what presses by the policy's own figures."""
    options = {"policy": "memory_high: 0.001, memory_low: 0.0005, sustain: 0s"}

    def test_a_pause_is_refused_by_the_policy(self):
        tree = Tree(self.grid)
        self.grid.run("daemon", "start")
        done = self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--yes", "--original", "pause"), 4)
        self.assertIn("pause_does_not_free", done.stderr)
        self.assertEqual((len(tree.alive()), tree.stopped(), tree.copies()), (3, [], 0))


if __name__ == "__main__":
    unittest.main()
