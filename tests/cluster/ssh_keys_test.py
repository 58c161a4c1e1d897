"""Host keys: nothing is sent to a host whose key is not known and good, and a person decides what is good."""
from clustertest import ClusterTest, Spec, main
from disk import HOME

CLIENTS = ("libssh2", "openssh")
AUTHENTICATION = "userauth-request"   # of sshd at DEBUG1
ALLOWED = HOME + "/.ssh/authorized_keys"
KNOWN = HOME + "/.ssh/known_hosts"


class Keys(ClusterTest):
    specs = (Spec("head"), Spec("n1", server_lines=("LogLevel DEBUG1",)), Spec("n2", server="dropbear", port=2222),
             Spec("n3", host_keys=("rsa",)), Spec("n4", host_keys=("rsa", "ed25519")))

    def setUp(self):
        self.know(self.cluster.known_hosts())
        self.addCleanup(self.know, self.cluster.known_hosts())

    def know(self, text):
        self.head.write(KNOWN, text, 0o600)

    def each_client(self):
        return ((self.grid(self.config(client=client)), self.subTest(client=client)) for client in CLIENTS)

    def fingerprint(self, host, kind="ed25519"):
        return host.run("ssh-keygen", "-lf", f"/etc/ssh/host_{kind}.pub").stdout.split()[1]

    def run_on(self, grid, host, *options):
        return grid.run("run", "--on", host, *options, "--", "hostname", timeout=90)

    def refused(self, done, *texts):
        self.assert_exit(done, 125)
        for text in texts:
            self.assertIn(text, done.stderr)

    def tried_to_log_in(self, host, since):
        return AUTHENTICATION in host.server_log()[since:]

    def test_an_unknown_key_is_shown_and_trusted_by_a_person(self):
        for grid, case in self.each_client():
            with case:
                self.know("")
                host = self.cluster["n1"]
                since = len(host.server_log())
                self.refused(self.run_on(grid, "n1"), self.fingerprint(host), "grid node trust")
                self.assert_exit(grid.run("doctor", "n1", timeout=60), 5)
                self.assertFalse(self.tried_to_log_in(host, since))
                asked = grid.run("node", "trust", "n1")
                self.assertIn(self.fingerprint(host), asked.stdout + asked.stderr)
                self.assert_exit(asked, 4)   # nobody said yes
                self.assertEqual(self.head.read(KNOWN), "")
                self.assert_exit(grid.run("node", "trust", "n1", "--yes"), 0)
                self.assertIn(host.keys[0], self.head.read(KNOWN))
                self.assertEqual(self.assert_exit(self.run_on(grid, "n1"), 0).stdout, "n1\n")
                self.assertTrue(self.tried_to_log_in(host, since), "the log shows what it must not show above")
                self.head.run("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "n1", "true")

    def test_a_changed_key_is_refused_with_both_fingerprints(self):
        for grid, case in self.each_client():
            with case:
                host, other = self.cluster["n1"], self.cluster["n2"]
                self.know(f"{host.name},{host.address} {other.keys[0]}\n")
                since = len(host.server_log())
                self.refused(self.run_on(grid, "n1"), self.fingerprint(host), self.fingerprint(other))
                found = grid.json("node", "trust", "n1", "--yes")
                self.assertEqual(found["error"]["code"], "HostKeyMismatch", found)
                self.assert_exit(grid.run("node", "trust", "n1", "--yes"), 5)
                self.assertFalse(self.tried_to_log_in(host, since))
                self.assertNotIn(host.keys[0], self.head.read(KNOWN))

    def test_a_revoked_key_is_refused(self):
        for grid, case in self.each_client():
            with case:
                host = self.cluster["n1"]
                self.know(f"@revoked * {host.keys[0]}\n{host.name},{host.address} {host.keys[0]}\n")
                since = len(host.server_log())
                self.refused(self.run_on(grid, "n1"), "revoked")
                self.assert_exit(grid.run("node", "trust", "n1", "--yes"), 5)
                self.assertFalse(self.tried_to_log_in(host, since))

    def test_hashed_names(self):
        self.head.run("ssh-keygen", "-H", "-f", KNOWN)
        self.assertNotIn(self.cluster["n1"].address, self.head.read(KNOWN))
        for grid, case in self.each_client():
            with case:
                for host in ("n1", "n2"):
                    self.assertEqual(self.assert_exit(self.run_on(grid, host), 0).stdout, host + "\n")

    def test_another_port(self):
        host = self.cluster["n2"]
        for grid, case in self.each_client():
            with case:
                self.know(f"{host.name},{host.address} {self.cluster['n1'].keys[0]}\n")   # of port 22, another server
                self.refused(self.run_on(grid, "n2"), "grid node trust")
                self.assert_exit(grid.run("node", "trust", "n2", "--yes"), 0)
                self.head.run("ssh-keygen", "-F", f"[{host.address}]:2222", "-f", KNOWN)   # the name may be hashed
                self.assertEqual(self.assert_exit(self.run_on(grid, "n2"), 0).stdout, "n2\n")

    def test_a_host_with_two_keys_of_which_one_is_known(self):
        host = self.cluster["n4"]
        for grid, case in self.each_client():
            with case:
                self.know(f"{host.name},{host.address} {host.keys[1]}\n")
                self.assertEqual(self.assert_exit(self.run_on(grid, "n4"), 0).stdout, "n4\n")

    def test_a_host_with_nothing_but_an_rsa_key(self):
        done = self.run_on(self.grid(self.config(client="libssh2")), "n3")
        self.refused(done, "client: openssh")
        done = self.run_on(self.grid(self.config(client="openssh")), "n3")
        self.assertEqual(self.assert_exit(done, 0).stdout, "n3\n")

    def test_a_key_that_may_not_log_in(self):
        host = self.cluster["n1"]
        keys = host.read(ALLOWED)
        host.write(ALLOWED, "", 0o600)
        self.addCleanup(host.write, ALLOWED, keys, 0o600)
        for grid, case in self.each_client():
            with case:
                self.refused(self.run_on(grid, "n1"), "n1")
                self.assert_exit(grid.run("doctor", "n1", timeout=60), 5)


if __name__ == "__main__":
    main()
