"""Files that go along and come home: --in, --out, a staged folder, a link that is cut in the middle, what is missing."""
import hashlib
import os
import time

from clustertest import ClusterTest, Spec, main, wait_until
from disk import HOME

CLIENTS = ("libssh2", "openssh")


class Files(ClusterTest):
    specs = (Spec("head"), Spec("n1"), Spec("n2", server="dropbear", shell="busybox", sh="busybox"))

    def setUp(self):
        self.folder = f"{HOME}/job-{self._testMethodName}"
        self.head.run("rm", "-rf", self.folder)
        self.head.run("mkdir", "-p", self.folder + "/deep/er")
        self.head.write(self.folder + "/in.txt", "from home\n")
        self.head.write(self.folder + "/deep/er/tool", "#!/bin/sh\necho tool ran\n", 0o755)

    def each(self, *hosts):
        for client in CLIENTS:
            grid = self.grid(self.config(client=client))
            for name in hosts or ("n1", "n2"):
                yield grid, self.cluster[name], self.subTest(client=client, host=name)

    def run_in(self, grid, host, *words, options=(), **more):
        return grid.run("run", "--on", host.name, *options, "--", *words, cwd=self.folder, **more)

    def test_in_and_out(self):
        for grid, host, case in self.each():
            with case:
                self.head.run("rm", "-f", self.folder + "/out.txt")
                done = self.run_in(grid, host, "sh", "-c", "tr a-z A-Z <in.txt >out.txt; ls", options=("--in", "in.txt", "--out", "out.txt"))
                self.assert_exit(done, 0)
                self.assertEqual(done.stdout, "in.txt\nout.txt\n")
                self.assertEqual(self.head.read(self.folder + "/out.txt"), "FROM HOME\n")
                self.assertFalse(os.path.exists(host.path(self.folder)), "it ran in a folder of its own")

    def test_a_staged_folder_keeps_modes_times_and_names(self):
        odd = os.fsencode(self.head.path(self.folder)) + b"/deep/odd\nname \xff'$(id)"
        for grid, host, case in self.each():
            with case:
                with open(odd, "wb") as file:
                    file.write(b"odd\n")
                os.utime(odd, ns=(10**18, 10**18 + 123))
                script = 'deep/er/tool; cat deep/odd*; stat -c "%a %Y" deep/odd*; mkdir -p made/by; printf "\\377" >made/by/it; chmod 750 made/by/it'
                done = self.run_in(grid, host, "sh", "-c", script, options=("--in", ".", "--out", "made"))
                self.assert_exit(done, 0)
                self.assertEqual(done.stdout, "tool ran\nodd\n644 1000000000\n")
                made = self.head.path(self.folder + "/made/by/it")
                with open(made, "rb") as file:
                    self.assertEqual(file.read(), b"\xff")
                self.assertEqual(os.stat(made).st_mode & 0o777, 0o750)
                self.head.run("rm", "-rf", self.folder + "/made")

    def test_what_is_missing_is_told_and_the_rest_comes_home(self):
        for grid, host, case in self.each():
            with case:
                self.head.run("sh", "-c", f"rm -f {self.folder}/made.txt")
                done = self.run_in(grid, host, "sh", "-c", "echo made >made.txt", options=("--out", "made.txt", "--out", "never-made.txt"))
                self.assertIn(done.returncode, (0, 7), done.stderr)
                self.assertIn("never-made.txt", done.stderr)
                self.assertNotIn("made.txt\n", done.stdout)
                self.assertEqual(self.head.read(self.folder + "/made.txt"), "made\n")

    def test_what_is_not_there_is_refused_before_anything_starts(self):
        for grid, host, case in self.each("n1"):
            with case:
                done = self.run_in(grid, host, "touch", "/srv/started", options=("--in", "absent.txt"))
                self.assert_exit(done, 125)
                self.assertIn("absent.txt", done.stderr)
                self.assertFalse(os.path.exists(host.path("/srv/started")))

    def test_a_folder_that_the_host_has_not_is_refused_with_what_would_help(self):
        for grid, host, case in self.each("n1"):
            with case:
                done = self.run_in(grid, host, "true")
                self.assert_exit(done, 125)
                self.assertIn("--in .", done.stderr)
                self.assertIn(self.folder, done.stderr)

    def received(self, host):
        with open(f"/proc/{host.pid}/net/dev", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.strip().startswith("eth0:"))

    def test_a_link_that_is_cut_in_the_middle(self):
        size = 12_000_000
        content = os.urandom(size)
        digest = hashlib.sha256(content).hexdigest()
        for grid, host, case in self.each():
            with case:
                self.head.write(self.folder + "/big", content)
                host.slow("32mbit")
                before = self.received(host)
                process = grid.start("run", "--on", host.name, "--in", "big", "--out", "sum", "--", "sh", "-c", "sha256sum <big >sum",
                                     cwd=self.folder, stdout=-1, stderr=-1)
                wait_until(lambda: self.received(host) - before > size // 3, 30, "a third of the file")
                host.cut()
                time.sleep(10)
                host.heal()
                _, err = process.communicate(timeout=120)
                host.slow(None)
                if process.returncode != 0:   # told as such; the same again goes on where it was cut
                    self.assertIn(host.name, err.decode())
                    self.assert_exit(self.run_in(grid, host, "sh", "-c", "sha256sum <big >sum", options=("--in", "big", "--out", "sum"), timeout=120), 0)
                self.assertEqual(self.head.read(self.folder + "/sum").split()[0], digest)
                self.assertLess(self.received(host) - before, size * 1.5, "it was sent again from its begin")
                self.head.run("rm", "-f", self.folder + "/sum")

    def test_a_changed_file_is_not_written_over(self):
        for grid, host, case in self.each("n1"):
            with case:
                self.head.write(self.folder + "/both.txt", "old\n")
                number = grid.submit("sh", "-c", "sleep 2; echo there >both.txt", options=("--on", host.name, "--in", "both.txt", "--out", "both.txt"),
                                     cwd=self.folder)
                grid.running(number)
                self.head.write(self.folder + "/both.txt", "here\n")
                self.assertEqual(grid.ended(number)["state"], "completed")
                self.assertEqual(self.head.read(self.folder + "/both.txt"), "here\n")
                self.assertEqual(self.head.read(f"{self.folder}/both.txt.grid-{number}"), "there\n")


if __name__ == "__main__":
    main()
