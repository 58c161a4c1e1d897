"""Tasks and moves on other machines behind links that are cut: those of tests/support/away."""
import hashlib
import os
import subprocess
import unittest

from gridtest import BUILD, Grid, GridTest, Tree, read, state_of, wait_until

PLUGINS = os.path.abspath(os.path.join(BUILD, "tests/plugins"))
MORE = """plugin_folders: [%(plugins)s]
environments:
  node: { matches: [gnpm], require: [gnode, gnpm], source: ["~/.nvm/nvm.sh", "~/tools/nvm.sh"] }
"""


class AwayTest(GridTest):
    nodes = ("w1",)
    options = {"head_run": "deny"}

    def new_grid(self, **options):
        if not os.path.exists(os.path.join(PLUGINS, "grid_transport_away.so")):
            self.skipTest("the transport of these tests is not built: target away_transport")
        grid = Grid(more=MORE % {"plugins": PLUGINS}, **options)
        self.addCleanup(grid.close)
        lines = ""
        for name in self.nodes:
            os.makedirs(os.path.join(grid.root, name, "home"))
            lines += f"  {name}: {{ transport: away, address: {grid.root}/{name} }}\n"
        config = os.path.join(grid.root, "grid.yaml")
        text = read(config).replace("nodes:\n", "nodes:\n" + lines)
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        return grid

    def there(self, *parts):
        return os.path.join(self.grid.root, *parts)

    def write(self, path, text="", mode=None):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if mode:
            os.chmod(path, mode)

    def here(self, name, text=""):
        self.write(os.path.join(self.grid.work, name), text)

    def heal(self, node="w1"):
        os.remove(self.there(node, "cut"))

    def calls(self, node, name):
        return read(self.there(node, "calls")).splitlines().count(name)

    def view(self, execution):
        return self.grid.api(f"/v1/executions/{execution}")


class Environment(AwayTest):
    nodes = ("w1", "w2", "w3")

    def test_variables_of_this_machine_stay_here(self):
        script = 'echo "$HOME $USER $PATH $LANG"'
        done = self.assert_exit(self.grid.run("run", "--on", "w1", "--", "sh", "-c", script), 0)
        self.assertEqual(done.stdout, f"{self.there('w1/home')} w1 /usr/bin:/bin C.UTF-8\n")
        named = self.grid.run("run", "--on", "w1", "-e", "HOME=/mine", "--", "sh", "-c", 'echo "$HOME"')
        self.assertEqual(named.stdout, "/mine\n")
        here = self.grid.run("run", "--on", "sim1", "--", "sh", "-c", 'echo "$PATH"')
        self.assertEqual(here.stdout, os.environ["PATH"] + "\n")

    def test_node_in_two_places_and_in_none(self):
        for node, folder in (("w1", ".nvm"), ("w2", "tools")):
            for program in ("gnode", "gnpm"):
                self.write(self.there(node, "home", folder, "bin", program),
                           f'#!/bin/sh\necho "{node} $0 $NVM_DIR"\n', 0o755)
            self.write(self.there(node, "home", folder, "nvm.sh"),
                       f'echo noise\nexport NVM_DIR="$HOME/{folder}"\nPATH="$NVM_DIR/bin:$PATH"\n')
        for node, folder in (("w1", ".nvm"), ("w2", "tools")):
            done = self.assert_exit(self.grid.run("run", "--on", node, "--", "gnpm", "test"), 0)
            home = self.there(node, "home", folder)
            self.assertEqual(done.stdout, f"{node} {home}/bin/gnpm {home}\n")
        done = self.assert_exit(self.grid.run("run", "--on", "w3", "--", "gnpm", "test"), 127)
        for word in ("w3", "gnode, gnpm", "/usr/bin:/bin", "nvm.sh", "hint:", "environments.node.path"):
            self.assertIn(word, done.stderr)
        self.assertEqual(self.calls("w3", "start"), 0)
        none = self.assert_exit(self.grid.run("run", "--on", "w1", "--environment", "none", "--", "gnpm"), 127)
        self.assertNotIn("nvm", none.stderr)
        other = self.assert_exit(self.grid.run("run", "--on", "w1", "--environment", "nod", "--", "gnpm"), 125)
        self.assertIn("node", other.stderr)

    def test_one_look_serves_many_starts(self):
        self.assert_exit(self.grid.run("run", "--on", "w1", "--", "true"), 0)
        self.assert_exit(self.grid.run("run", "--on", "w1", "--", "true"), 0)
        self.assertEqual(self.calls("w1", "probe"), 1)

    def test_an_array_is_dealt_over_the_nodes(self):
        self.assert_exit(self.grid.run("run", "--array", "60", "--", "sleep", "0.05"), 0)
        used = [node for node in self.nodes if self.calls(node, "start") > 0]
        self.assertGreater(len(used), 1, used)


class Files(AwayTest):
    def test_files_go_along_and_come_home(self):
        self.here("data.csv", "1\n2\n")
        self.here("lib/a", "lib")
        done = self.assert_exit(self.grid.run(
            "run", "--on", "w1", "--in", "data.csv", "--in", "lib", "--out", "sum", "--out", "deep", "--", "sh", "-c",
            "cat data.csv lib/a > sum; mkdir -p deep/er; pwd > deep/er/where; echo left > other"), 0)
        self.assertEqual(done.stderr, "")
        self.assertEqual(read(os.path.join(self.grid.work, "sum")), "1\n2\nlib")
        self.assertIn("/w1/run/", read(os.path.join(self.grid.work, "deep/er/where")))
        self.assertFalse(os.path.exists(os.path.join(self.grid.work, "other")))
        view = self.view("1")
        self.assertEqual((view["files"]["in_files"], view["missing_outputs"]), (2, []))
        # Again: what came home is replaced, for nobody changed it meanwhile.
        self.assert_exit(self.grid.run("run", "--on", "w1", "--out", "sum", "--", "sh", "-c", "echo new > sum"), 0)
        self.assertEqual(read(os.path.join(self.grid.work, "sum")), "new\n")

    def test_missing_outputs_and_the_code(self):
        for code, exits in ((0, 7), (3, 3)):
            done = self.assert_exit(self.grid.run("run", "--on", "w1", "--out", "a", "--out", "b", "--", "sh", "-c",
                                                  f"echo > b; exit {code}"), exits)
            self.assertIn("missing output: a", done.stderr)
        self.assertEqual((self.view("1")["state"], self.view("1")["missing_outputs"]), ("completed", ["a"]))
        self.assertEqual(self.view("2")["exit_code"], 3)

    def test_a_file_that_changed_meanwhile(self):
        self.here("log", "old\n")
        execution = self.grid.submit("sh", "-c", "echo there > log; sleep 1", options=("--on", "w1", "--in", ".", "--out", "log"))
        wait_until(lambda: self.view(execution)["state"] == "running", 20)
        self.here("log", "changed here\n")
        self.assertEqual(self.ended(execution)["files"]["conflicts"], [f"log.grid-{execution}"])
        self.assertEqual(read(os.path.join(self.grid.work, f"log.grid-{execution}")), "there\n")
        self.assertEqual(read(os.path.join(self.grid.work, "log")), "changed here\n")

    def test_a_folder_that_is_not_there(self):
        self.here("file", "12345")
        self.write(self.there("w1/hides"), self.grid.work + "\n")
        done = self.assert_exit(self.grid.run("run", "--on", "w1", "--", "true"), 125)
        self.assertIn("--in . (1 file, 5 bytes)", done.stderr)
        self.assert_exit(self.grid.run("run", "--on", "w1", "--in", ".", "--", "test", "-e", "file"), 0)

    def test_stdin_goes_along(self):
        self.here("in", "from here")
        done = self.assert_exit(self.grid.run("run", "--on", "w1", "--stdin", "in", "--", "cat"), 0)
        self.assertEqual(done.stdout, "from here")

    def test_what_is_refused(self):
        self.assert_exit(self.grid.run("run", "--on", "w1", "--in", "../x", "--", "true"), 125)
        self.assert_exit(self.grid.run("run", "--array", "2", "--out", "x", "--", "true"), 125)
        absent = self.assert_exit(self.grid.run("run", "--on", "w1", "--in", "absent", "--", "true"), 125)
        self.assertIn("absent", absent.stderr)

    def test_a_new_daemon_goes_on_sending(self):
        self.here("data", "x" * 1000)
        self.grid.run("run", "--on", "w1", "--", "true")
        self.write(self.there("w1/cut"))
        execution = self.grid.submit("sh", "-c", "cat data > copy; echo x >> lines", options=(
            "--on", "w1", "--in", "data", "--out", "copy", "--out", "lines"))
        wait_until(lambda: "cut" in self.view(execution)["reason"], 20, "a word about the wait")
        self.grid.kill_daemon()
        self.heal()
        self.assert_exit(self.grid.run("wait", execution), 0)
        self.assertEqual(read(os.path.join(self.grid.work, "copy")), "x" * 1000)
        self.assertEqual(read(os.path.join(self.grid.work, "lines")), "x\n")


class Cut(AwayTest):
    def test_the_log_is_whole_and_the_code_true(self):
        script = "i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; exit 7"
        follower = self.grid.start("run", "--on", "w1", "--", "sh", "-c", script, stdout=subprocess.PIPE)
        follower.stdout.read(7)
        self.write(self.there("w1/cut"))
        wait_until(lambda: self.calls("w1", "read_log") > 3, 20)
        try:
            follower.wait(4)
            self.fail("it ended while the link was cut")
        except subprocess.TimeoutExpired:
            pass
        self.heal()
        rest = follower.stdout.read()
        self.assertEqual(follower.wait(20), 7)
        whole = "".join(f"line {i}\n" for i in range(60)).encode()
        self.assertEqual(hashlib.sha256(b"line 0\n" + rest).hexdigest(), hashlib.sha256(whole).hexdigest())
        self.assertEqual(self.calls("w1", "start"), 1)

    def test_a_start_whose_answer_is_lost_starts_once(self):
        self.write(self.there("w1/lose_start"))
        done = self.assert_exit(self.grid.run("run", "--on", "w1", "--", "sh", "-c", "echo once >> lines; sleep 1; exit 5"), 5)
        self.assertEqual(read(os.path.join(self.grid.work, "lines")), "once\n", done)
        self.assertEqual(self.calls("w1", "start"), 2)

    def test_a_placed_start_waits_and_says_so(self):
        self.assert_exit(self.grid.run("run", "--on", "w1", "--", "true"), 0)
        self.write(self.there("w1/cut"))
        execution = self.grid.submit("echo", "through", options=("--on", "w1"))
        wait_until(lambda: "cut" in self.view(execution)["reason"], 20, "a word about the wait")
        self.assertEqual(self.view(execution)["state"], "queued")
        self.heal()
        self.assert_exit(self.grid.run("wait", execution), 0)
        self.write(self.there("w1/cut"))
        gone = self.grid.submit("echo", "never", options=("--on", "w1"))
        wait_until(lambda: "cut" in self.view(gone)["reason"], 20, "a word about the wait")
        self.assert_exit(self.grid.run("cancel", gone), 0)
        self.heal()
        self.assertEqual(self.ended(gone)["state"], "cancelled")

    def test_a_cancel_is_repeated(self):
        execution = self.grid.submit("sleep", "1000", options=("--on", "w1"))
        pid = wait_until(lambda: self.view(execution)["state"] == "running" and self.view(execution)["attempts"][-1]["pid"], 20)
        self.write(self.there("w1/cut"))
        self.assert_exit(self.grid.run("cancel", execution), 0)
        wait_until(lambda: self.calls("w1", "cancel") > 1, 20, "another try")
        self.assertTrue(state_of(pid))
        self.heal()
        self.assertEqual(self.ended(execution)["state"], "cancelled")
        wait_until(lambda: not state_of(pid), 10, "its end")

    def test_a_node_that_never_will_ends_the_wait(self):
        self.write(self.there("w1/denied"), "HostKeyMismatch another host answers\n")
        done = self.assert_exit(self.grid.run("run", "--on", "w1", "--", "true", timeout=30), 125)
        self.assertIn("another host answers", done.stderr)
        self.assertIn("hint: ", done.stderr)

    def test_a_move_waits_for_its_node(self):
        tree = Tree(self.grid, seconds=2)
        done = self.assert_exit(self.grid.run("offload", "execute", str(tree.pid), "--to", "w1", "--yes", "-d"), 0)
        execution = done.stdout.split()[0]
        wait_until(lambda: self.view(execution)["move"]["phase"] == "running", 20, "the copy")
        self.write(self.there("w1/cut"))
        wait_until(lambda: tree.copies() == 1, 20)
        new = lambda: [folder for folder, _, files in os.walk(self.there("w1/run")) if "new.txt" in files]
        wait_until(new, 20, "the copy's file")
        self.assertEqual(sorted(tree.stopped()), sorted(tree.members))
        self.heal()
        self.assertEqual(self.ended(execution)["state"], "completed")
        self.assertEqual(tree.file("new.txt"), "new\n")


if __name__ == "__main__":
    unittest.main()
