"""grid node add, node trust, doctor: with a transport whose nodes are folders that say how they behave."""
import os
import unittest

from gridtest import BUILD, GridTest, read, wait_until

PLUGINS = os.path.abspath(os.path.join(BUILD, "tests/plugins"))
STAT = "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 0 1 8 0 0 0 0 0 0\n"


class NodeTest(GridTest):
    options = {"more": f"plugin_folders: [{PLUGINS}]\ndefault_transport: scripted\ndaemon: {{ node_interval: 100ms }}"}

    def setUp(self):
        super().setUp()
        self.nodes = os.path.join(self.grid.root, "n")
        self.grid.environment["GRID_SCRIPTED"] = self.nodes
        self.config = self.grid.environment["GRID_CONFIG"]

    def machine(self, name, **files):
        """A machine at the address `name`."""
        folder = os.path.join(self.nodes, name)
        os.makedirs(os.path.join(folder, "files/proc"))
        self.write(name, "files/proc/stat", STAT)
        self.write(name, "files/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 900 kB\n")
        for file, content in files.items():
            self.write(name, file, content)
        return folder

    def write(self, name, file, content):
        path = os.path.join(self.nodes, name, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(content)

    def node(self, name):
        return next((each for each in self.grid.json("status")["nodes"] if each["name"] == name), {})


class Add(NodeTest):
    def test_a_node_comes_into_the_file_and_the_running_daemon(self):
        self.assert_exit(self.grid.run("daemon", "start"), 0)
        self.machine("me@10.0.0.11", keys="ssh-ed25519 SHA256:abc unknown\n", untrusted="HostKeyMismatch not known\n")
        before = read(self.config)
        added = self.grid.json("node", "add", "gpu1", "me@10.0.0.11", "--label", "gpu", "--yes")
        self.assertEqual(added["live"], True, added)
        self.assertEqual(added["trusted"], True, added)
        self.assertEqual(read(self.config).replace("  " + added["line"] + "\n", ""), before)
        found = wait_until(lambda: self.node("gpu1").get("state") == "alive" and self.node("gpu1"), 10, "the node")
        self.assertEqual(found["labels"], ["gpu"])
        again = self.assert_exit(self.grid.run("node", "add", "gpu1", "other"), 4)
        self.assertIn("there is a node 'gpu1' already", again.stderr)
        self.assertIn("'gpu1' already", again.stderr)
        # What stands there is taken by the next daemon, too.
        self.assert_exit(self.grid.run("daemon", "stop"), 0)
        wait_until(lambda: self.node("gpu1").get("state") == "alive", 10, "the node")

    def test_without_a_terminal_nothing_is_trusted_unasked(self):
        self.machine("gpu1", keys="ssh-ed25519 SHA256:abc unknown\n", untrusted="HostKeyMismatch not known\n")
        done = self.assert_exit(self.grid.run("node", "add", "gpu1"), 0)
        self.assertIn("grid node trust gpu1", done.stdout)
        self.assertIn("unknown", read(os.path.join(self.nodes, "gpu1/keys")))

    def test_what_cannot_be_a_node_leaves_the_file_alone(self):
        before = read(self.config)
        for words, code in ((("GPU",), 2), (("gpu1", "-oProxyCommand=x"), 2), (("gpu1", "a b"), 2), (("desk",), 2),
                            (("gpu1", "--transport", "pigeon"), 2), (("gpu1", "--label", "a b"), 2), (("sim1",), 4)):
            done = self.assert_exit(self.grid.run("node", "add", *words, "--no-start"), code)
            self.assertIn("hint:", done.stderr + "hint:")
            self.assertEqual(read(self.config), before, words)

    def test_a_file_that_cannot_be_added_to_safely(self):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("nodes: {}\n")
        done = self.assert_exit(self.grid.run("node", "add", "gpu1", "me@h", "--no-start"), 4)
        self.assertIn("gpu1: { address: 'me@h' }", done.stderr)
        self.assertEqual(read(self.config), "nodes: {}\n")

    def test_no_daemon_is_told_none(self):
        done = self.grid.json("node", "add", "gpu1", "me@h", "--no-start")
        self.assertEqual((done["live"], done["trusted"]), (False, None))


class Trust(NodeTest):
    def test_a_key_is_trusted_by_yes_or_by_its_fingerprint(self):
        self.machine("me@far", keys="ssh-ed25519 SHA256:abc unknown\nssh-rsa SHA256:def unknown\n")
        self.assertIn("--fingerprint", self.assert_exit(self.grid.run("node", "trust", "me@far"), 4).stderr)
        wrong = self.assert_exit(self.grid.run("node", "trust", "me@far", "--fingerprint", "SHA256:xyz"), 5)
        self.assertIn("SHA256:abc", wrong.stderr)
        keys = self.grid.json("node", "trust", "me@far", "--fingerprint", "SHA256:def")
        self.assertEqual([key["known"] for key in keys["keys"]], ["unknown", "known"])
        done = self.assert_exit(self.grid.run("node", "trust", "me@far", "--yes"), 0)
        self.assertEqual(done.stdout.count("  known"), 2, done.stdout)
        self.assert_exit(self.grid.run("node", "trust", "me@far"), 0)   # nothing is left to ask

    def test_a_changed_key_is_refused_with_both_fingerprints(self):
        folder = self.machine("me@far", keys="ssh-rsa SHA256:ok unknown\nssh-ed25519 SHA256:new changed SHA256:old\n")
        for options in ((), ("--yes",), ("--fingerprint", "SHA256:new"), ("--fingerprint", "SHA256:ok")):
            done = self.assert_exit(self.grid.run("node", "trust", "me@far", *options), 5)
            for word in ("SHA256:new", "SHA256:old", f"ssh-keygen -f '{folder}/keys' -R 'me@far'"):
                self.assertIn(word, done.stderr)
        self.assertEqual(self.grid.json("node", "trust", "me@far", "--yes")["error"]["code"], "HostKeyMismatch")
        self.assertIn("ssh-rsa SHA256:ok unknown", read(os.path.join(folder, "keys")))

    def test_nobody_there(self):
        self.assert_exit(self.grid.run("node", "trust", "me@nobody"), 5)
        self.assert_exit(self.grid.run("node", "trust", "-x@h"), 2)
        self.assertIn("host keys", self.assert_exit(self.grid.run("node", "trust", "sim1"), 2).stderr)


class Doctor(NodeTest):
    options = {"more": NodeTest.options["more"] + "\nenvironments: { node: { require: [node, npm] } }"}

    def test_the_head_and_a_simulated_worker_are_well(self):
        found = self.grid.json("doctor")
        self.assertEqual([node["name"] for node in found["nodes"]], ["desk", "sim1"])
        head = {check["name"]: check for check in found["nodes"][0]["checks"]}
        for name in ("state folder", "run root", "disk", "shim", "clock", "store", "plugins", "paused trees", "version"):
            self.assertIn(head[name]["state"], ("good", "warning", "skipped"), head[name])
            self.assertTrue(head[name]["text"])
        self.assertEqual([check["number"] for check in found["nodes"][0]["checks"]],
                         list(range(1, len(found["nodes"][0]["checks"]) + 1)))
        self.assertEqual(found["unreachable"], [])

    def test_what_is_wrong_with_the_head(self):
        root = os.path.join(self.grid.root, "r")
        os.makedirs(root, exist_ok=True)
        os.chmod(root, 0o755)
        done = self.assert_exit(self.grid.run("doctor", "desk"), 1)
        self.assertIn("bad  run root", done.stdout)
        self.assertIn(f"fix: chmod 700 '{root}'", done.stdout)

    def test_a_node_says_what_it_lacks(self):
        folder = self.machine("me@far", checks="good|name|far is 10.0.0.1|\nwarning|clock|is 3 s ahead|set it\n")
        self.write("me@far", "bin/node", "")
        done = self.assert_exit(self.grid.run("doctor", "me@far"), 1)
        self.assertIn(" 2. good  name: far is 10.0.0.1", done.stdout)
        self.assertIn("warning  clock", done.stdout)
        self.assertIn(f"lacks npm; looked in PATH {folder}/bin", " ".join(done.stdout.split()))
        self.assertIn("fix: install npm there", done.stdout)
        self.write("me@far", "bin/npm", "")
        self.assertIn("nothing is wrong, 1 warning", self.assert_exit(self.grid.run("doctor", "me@far"), 0).stdout)

    def test_a_node_that_is_down(self):
        self.machine("me@far", fail="NodeUnreachable Connection refused\n")
        found = self.grid.json("doctor", "me@far")
        self.assertEqual(found["unreachable"], ["me@far"])
        states = [(check["name"], check["state"]) for check in found["nodes"][0]["checks"]]
        self.assertEqual(states, [("transport", "good"), ("link", "bad"), ("identity", "skipped"),
                                  ("environment node", "skipped")])
        self.assert_exit(self.grid.run("doctor", "me@far"), 5)
        self.assertIn("Connection refused", self.assert_exit(self.grid.run("doctor", "me@far"), 5).stdout)

    def test_who_is_asked_for_must_be_somebody(self):
        self.assertIn("did you mean 'sim1'", self.assert_exit(self.grid.run("doctor", "sim2"), 3).stderr)
        self.assert_exit(self.grid.run("doctor", "a b"), 2)


class Seen(NodeTest):
    def test_a_problem_is_shown_with_the_age_of_what_is_known(self):
        self.machine("far")
        self.assert_exit(self.grid.run("node", "add", "far"), 0)
        wait_until(lambda: self.node("far").get("state") == "alive", 10, "the node")
        self.write("far", "fail", "NodeUnreachable Connection refused\n")
        found = wait_until(lambda: self.node("far").get("state") == "unknown" and self.node("far"), 10, "its end")
        self.assertEqual(found["problem"], "Connection refused")
        self.assertGreater(found["sample_age_seconds"], 0.3)
        for words in (("node", "list"), ("status",), ("why", "far")):
            self.assertIn("Connection refused", self.assert_exit(self.grid.run(*words), 0).stdout, words)
        kinds = [event["kind"] for event in self.grid.api("/v1/events?subject=far")["events"]]
        self.assertIn("node_unreachable", kinds)


if __name__ == "__main__":
    unittest.main()
