"""grid doctor on hosts that are well and on hosts with one thing wrong each; and the nodes' own figures."""
from clustertest import ClusterTest, Spec, main, wait_until
from disk import HOME


class Doctor(ClusterTest):
    specs = (Spec("head"), Spec("n1"), Spec("n2", server="dropbear", shell="busybox", sh="busybox"), Spec("n3", profile="noise slow"),
             Spec("n4", tmpfs=("/srv/fast",)))

    def doctor(self, name, client="libssh2", node="", code=0):
        grid = self.grid(self.config(self.cluster[name], client=client, node=node))
        return self.assert_exit(grid.run("doctor", name, timeout=90), code).stdout

    def test_all_is_well(self):
        for client in ("libssh2", "openssh"):
            for name in ("n1", "n2"):
                with self.subTest(client=client, host=name):
                    text = self.doctor(name, client)
                    for wanted in ("TCP", "host key", "run root", "clock", "/var/tmp/grid-0"):
                        self.assertIn(wanted, text)
                    self.assertRegex(text, r"(?m)^ *1[. ]")
                    self.assertNotIn("\x1b", text)

    def test_a_wrong_host_key(self):
        known = HOME + "/.ssh/known_hosts"
        host, other = self.cluster["n1"], self.cluster["n2"]
        self.head.write(known, f"{host.name},{host.address} {other.keys[0]}\n", 0o600)
        self.addCleanup(self.head.write, known, self.cluster.known_hosts(), 0o600)
        text = self.doctor("n1", code=5)
        self.assertIn("ssh-keygen -R", text)
        self.assertIn("host key", text)

    def test_a_shell_that_makes_noise(self):
        text = self.doctor("n3", code=0)
        self.assertRegex(text, r"(?i)welcome to this machine|prints|noise")

    def test_a_run_root_in_memory(self):
        text = self.doctor("n4", node="run_root: /srv/fast/runs", code=0)
        self.assertIn("tmpfs", text)

    def test_nobody_there(self):
        host = self.cluster["n1"]
        host.stop_server()
        self.addCleanup(host.start_server)
        self.assertIn("refused", self.doctor("n1", code=5))

    def test_a_name_that_leads_nowhere(self):
        done = self.grid("version: 1\nnodes:\n  far: { transport: ssh, address: no-such-host.invalid }\n").run("doctor", "far", timeout=60)
        self.assert_exit(done, 5)
        self.assertIn("no-such-host.invalid", done.stdout + done.stderr)

    def test_all_nodes_and_json(self):
        grid = self.grid(self.config(self.cluster["n1"]))
        found = grid.json("doctor", timeout=90)
        self.assertTrue(found["schema"].startswith("grid/doctor/"), found)
        self.assertIn("n1", str(found))
        self.assertNotIn("\x1b", grid.run("doctor", timeout=90).stdout)

    def test_each_node_shows_its_own_figures(self):
        busy, calm = self.cluster["n1"], self.cluster["n2"]
        self.figures.set(busy, cpu=0.75, memory=0.5)
        self.addCleanup(self.figures.set, busy)
        for client in ("libssh2", "openssh"):
            with self.subTest(client=client):
                grid = self.grid(self.config(busy, calm, client=client) + "daemon: { node_interval: 1s }\n")
                grid.run("daemon", "start")

                def look():
                    nodes = {each["name"]: each for each in grid.json("node", "list")["nodes"]}
                    return all(nodes[name].get("cpu_fraction") is not None for name in ("n1", "n2")) and nodes
                nodes = wait_until(look, 30, "the figures")
                self.assertAlmostEqual(nodes["n1"]["cpu_fraction"], 0.75, delta=0.1)
                self.assertLess(nodes["n2"]["cpu_fraction"], 0.1)
                self.assertEqual((nodes["n1"]["cpus"], nodes["n1"]["memory_total_bytes"]), (4, 8 << 30))
                self.assertAlmostEqual(nodes["n1"]["memory_available_bytes"] / (4 << 30), 1, delta=0.05)
                ids = {nodes[host.name]["machine_id"] for host in (busy, calm)}
                self.assertEqual(ids, {host.read("/etc/machine-id").strip() for host in (busy, calm)})
                came = busy.connections()[0]
                self.assertEqual(grid.run("run", "--on", "n1", "--", "true").returncode, 0)
                self.assertEqual(busy.connections()[0], came, "one connection is kept")


if __name__ == "__main__":
    main()
