"""The daemon dies by SIGKILL at its Nth crash point while a task on another host starts, runs and ends."""
import subprocess

from clustertest import TERMINAL, ClusterTest, Spec, main, wait_until

LIMIT = 100


class Crash(ClusterTest):
    specs = (Spec("head"), Spec("n1"), Spec("n2", server="dropbear", sh="busybox", shell="busybox"))

    def daemon(self, grid, crash_at):
        """A daemon that will die at crash point N; None when it did before it was ready."""
        process = grid.start("daemon", "run", env={"GRID_CRASH_AT": str(crash_at)}, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 10)

        def look():
            if process.poll() is not None:
                return True
            try:
                return grid.api("/v1/daemon")["pid"]
            except OSError:
                return False
        wait_until(look, 20, "the daemon")
        return process if process.poll() is None else None

    def one_death(self, host, client, number):
        """True when nothing was left to die at."""
        grid = self.grid(self.config(host, client=client))
        lines = f"/srv/lines-{client}-{number}"
        daemon, accepted, whole = self.daemon(grid, number), False, False
        if daemon is not None:
            done = grid.run("run", "-d", "--no-start", "--on", host.name, "--", "sh", "-c", f"echo run >> {lines}; sleep 0.2; exit 7")
            accepted = done.returncode == 0
            if accepted:
                grid.run("wait", "1", "--no-start", "--timeout", "15s")
            try:
                daemon.wait(0.3 if accepted else 10)   # housekeeping after the end has crash points, too
            except subprocess.TimeoutExpired:
                whole = True

        def settled():
            rows = grid.json("ps", "-a")["executions"]
            return all(each["state"] in TERMINAL for each in rows) and [rows]
        found = wait_until(settled, 30, "the settled state")[0]
        ran = len(host.read(lines).splitlines())
        self.assertLessEqual(ran, 1, "it ran twice")
        self.assertEqual(len(found), 1 if accepted else len(found), "an accepted execution is gone")
        for each in found:
            if each["state"] == "failed":
                self.assertEqual((each["exit_code"], ran), (7, 1), each)
            else:
                self.assertEqual((each["state"], ran), ("aborted", 0), each)
        if not found:
            self.assertEqual(ran, 0)
        self.assertEqual(self.tasks(host), {}, "something is left there")
        grid.close()
        return whole

    def at_every_point(self, name, client):
        host, deaths = self.cluster[name], 0
        for number in range(1, LIMIT):
            try:
                if self.one_death(host, client, number):
                    break
            except AssertionError as error:
                raise AssertionError(f"crash point {number}: {error}") from error
            deaths += 1
        else:
            self.fail(f"still dying at crash point {LIMIT}")
        self.assertGreater(deaths, 4)

    def test_openssh_by_libssh2(self):
        self.at_every_point("n1", "libssh2")

    def test_dropbear_and_busybox_by_ssh(self):
        self.at_every_point("n2", "openssh")


if __name__ == "__main__":
    main()
