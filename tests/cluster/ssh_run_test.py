"""grid run on hosts that have nothing but an SSH server: bytes, streams, endings, and nothing left behind."""
import os
import random
import unittest

from clustertest import ClusterTest, Spec, main, wait_until

CLIENTS = ("libssh2", "openssh")
LEFTOVERS = "setsid sleep 1001 & (sleep 1002 &) ; setsid sh -c 'sleep 1003 & sleep 1004' & "


class Run(ClusterTest):
    specs = (Spec("head", users=("me",)), Spec("gpu1", users=("me",)), Spec("n2", server="dropbear", shell="dash"),
             Spec("n3", shell="fish", profile="noise"), Spec("n4", server="dropbear", shell="busybox", sh="busybox"),
             Spec("n5", shell="tcsh", profile="noise slow"))

    def each(self, *hosts):
        """(grid, host, subtest) for both clients and these hosts, or all workers."""
        for client in CLIENTS:
            grid = self.grid(self.config(client=client))
            for host in [self.cluster[name] for name in hosts] or self.cluster.workers:
                yield grid, host, self.subTest(client=client, host=host.name)

    def test_an_alias_is_all_that_is_needed(self):
        done = self.assert_exit(self.grid().run("run", "--on", "gpu1", "--", "hostname"), 0)
        self.assertEqual(done.stdout, "gpu1\n")
        as_me = self.assert_exit(self.grid().run("run", "--on", f"me@{self.cluster['gpu1'].address}", "--", "sh", "-c", "id -un; hostname"), 0)
        self.assertEqual(as_me.stdout, "me\ngpu1\n")

    def test_who_runs_grid_is_who_logs_in(self):
        done = self.assert_exit(self.grid(user="me").run("run", "--on", "gpu1", "--", "id", "-un"), 0)
        self.assertEqual(done.stdout, "me\n")

    def test_arguments_arrive_exactly(self):
        dice = random.Random(3)
        words = [bytes(dice.randrange(1, 256) for _ in range(dice.randrange(40))) for _ in range(200)]
        for grid, host, case in self.each():
            with case:
                done = grid.run("run", "--on", host.name, "--", "sh", "-c", r'printf "%s\0" "$@"', "sh", *words, text=False)
                self.assert_exit(done, 0)
                self.assertEqual(done.stdout.split(b"\0")[:-1], words)

    def test_much_on_stderr_and_nothing_on_stdout(self):
        for grid, host, case in self.each("gpu1", "n2"):
            with case:
                done = grid.run("run", "--on", host.name, "--", "sh", "-c", "head -c 6000000 /dev/zero | tr '\\0' x >&2", text=False, timeout=90)
                self.assert_exit(done, 0)
                self.assertEqual((done.stdout, len(done.stderr), set(done.stderr)), (b"", 6000000, {ord("x")}))

    def test_streams_are_exact(self):
        script = r"""printf 'a\000\377\n'; printf 'b\033[2J' >&2; head -c 300000 /dev/zero | tr '\0' x; printf end >&2"""
        for grid, host, case in self.each("n3", "n4"):
            with case:
                done = self.assert_exit(grid.run("run", "--on", host.name, "--", "sh", "-c", script, text=False), 0)
                self.assertEqual((done.stdout, done.stderr), (b"a\0\xff\n" + b"x" * 300000, b"b\x1b[2Jend"))

    def test_stdin_arrives_exactly(self):
        content = bytes(range(256)) * 300
        for grid, host, case in self.each("gpu1", "n4"):
            with case:
                done = grid.run("run", "--on", host.name, "--stdin", "-", "--", "cat", text=False, input=content)
                self.assert_exit(done, 0)
                self.assertEqual(done.stdout, content)
                self.assertEqual(grid.run("run", "--on", host.name, "--", "sh", "-c", "wc -c").stdout.strip(), "0")

    def test_no_text_is_run_by_a_shell(self):
        mark = "/tmp/was-run"
        codes = [f"$(touch {mark})", f"`touch {mark}`", f"; touch {mark} ;", f"'; touch {mark}; '", f'"; touch {mark}; "',
                 f"\ntouch {mark}\n", f"| touch {mark}", f"& touch {mark} &", f"\\$(touch {mark})", f"%s$(touch {mark})"]
        for grid, host, case in self.each("gpu1", "n3", "n4"):
            with case:
                script = r'printf "%s\0" "$@" "$CODE"'
                for code in (codes[0], codes[3], codes[5]):
                    done = grid.run("run", "--on", host.name, "-e", f"CODE={code}", "--", "sh", "-c", script, "sh", *codes)
                    self.assert_exit(done, 0)
                    self.assertEqual(done.stdout.split("\0")[:-1], [*codes, code])
                grid.run("run", "--on", host.name, "--", codes[0])
                grid.run("run", "--on", host.name, "--", "sh", "-c", "exit 0", cwd="/tmp")
        grid = self.grid()
        for address in (f"x$(touch {mark})", f"-oProxyCommand=touch {mark}", f"gpu1;touch {mark}", f"a@b`touch {mark}`"):
            self.assertNotEqual(grid.run("run", f"--on={address}", "--", "true").returncode, 0)
        for host in self.cluster.hosts:
            self.assertFalse(os.path.exists(host.path(mark)), host.name)

    def test_codes(self):
        for grid, host, case in self.each("gpu1", "n4"):
            with case:
                for code in (0, 7, 137, 255):
                    self.assert_exit(grid.run("run", "--on", host.name, "--", "sh", "-c", f"exit {code}"), code)
                self.assert_exit(grid.run("run", "--on", host.name, "--", "no-such-program-here"), 127)
                host.write("/tmp/plain", "no program")
                self.assert_exit(grid.run("run", "--on", host.name, "--", "/tmp/plain"), 126)

    def test_signals_are_reported_as_signals(self):
        for grid, host, case in self.each("gpu1", "n2", "n4"):
            with case:
                exited = grid.submit("sh", "-c", "exit 137", options=("--on", host.name))
                found = grid.ended(exited)
                self.assertEqual((found["exit_code"], found["signal"], found["state"]), (137, None, "failed"))
                for number, name in ((9, "SIGKILL"), (15, "SIGTERM"), (11, "SIGSEGV")):
                    done = grid.run("run", "--on", host.name, "--", "sh", "-c", f"kill -{number} $$")
                    self.assert_exit(done, 128 + number)
                    self.assertIn(f"signal {number} ({name})", done.stderr)

    def test_nothing_is_left_of_what_has_ended(self):
        for grid, host, case in self.each("gpu1", "n2", "n4"):
            with case:
                mark = f"MARK_OF_{os.getpid()}_{host.name}"
                done = grid.run("run", "--on", host.name, "-e", f"{mark}=1", "--", "sh", "-c", LEFTOVERS + "sleep 0.3; exit 5")
                self.assert_exit(done, 5)
                self.assert_gone(host, mark)

    def test_nothing_is_left_of_what_was_cancelled(self):
        for grid, host, case in self.each("gpu1", "n4"):
            with case:
                mark = f"CANCEL_MARK_{os.getpid()}_{host.name}"
                execution = grid.submit("sh", "-c", LEFTOVERS + "sleep 1005", options=("--on", host.name, "-e", f"{mark}=1"))
                wait_until(lambda: sum("sleep 100" in words for words in self.tasks(host).values()) >= 5, 20, "its processes")
                self.assert_exit(grid.run("cancel", execution), 0)
                self.assertEqual(grid.ended(execution)["state"], "cancelled")
                self.assert_gone(host, mark)

    def test_an_array_gets_each_element_once(self):
        for grid, host, case in self.each("gpu1", "n2"):
            with case:
                lines = f"/var/tmp/lines-{os.path.basename(grid.state)}"
                script = f'echo "$GRID_EXECUTION" >> {lines}; case $GRID_EXECUTION in *.17) exit 9;; esac; echo "$GRID_EXECUTION"'
                self.assert_exit(grid.run("run", "--on", host.name, "--array", "40", "--", "sh", "-c", script), 9)
                listed = grid.json("ps", "-a")["executions"][0]
                number = listed["id"]
                self.assertEqual(sorted(host.read(lines).split()), sorted(f"{number}.{n}" for n in range(40)))
                self.assertEqual((listed["counts"]["completed"], listed["counts"]["failed"]), (39, 1))
                self.assertEqual(grid.run("logs", f"{number}.16").stdout, f"{number}.16\n")

    def test_workers_keep_nothing_but_run_directories(self):
        host = self.cluster["gpu1"]
        host.run("touch", "/srv/stamp")
        self.assert_exit(self.grid().run("run", "--on", "gpu1", "--", "true"), 0)
        found = host.run("sh", "-c", "find / -xdev -newer /srv/stamp -type f").stdout.split()
        self.assertEqual([path for path in found if not path.startswith(("/var/tmp/grid-", "/var/log/", "/srv/figures/"))], [])


if __name__ == "__main__":
    main()
