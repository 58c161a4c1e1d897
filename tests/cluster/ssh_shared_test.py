"""Two heads on one worker, and two workers on one shared folder: nobody gets what belongs to another."""
import os

from clustertest import ClusterTest, Spec, main, wait_until

SHARED = "/shared/runs"


class Shared(ClusterTest):
    specs = (Spec("head"), Spec("head2", head=True), Spec("n1", shared={"/shared": "runs"}), Spec("n2", shared={"/shared": "runs"}))

    def test_two_heads_on_one_worker(self):
        worker = self.cluster["n1"]
        grids = {host.name: self.grid(self.config(worker), host=host) for host in self.cluster.heads}
        script = 'echo "$0 $GRID_EXECUTION"; echo "$0" >> /var/tmp/evidence-$0; sleep 1; exit $1'
        tasks = {name: [grid.submit("sh", "-c", script, name, str(code), options=("--on", "n1")) for code in (11, 12, 13)] for name, grid in grids.items()}
        self.assertEqual(tasks["head"], tasks["head2"], "the same ids, or this shows nothing")
        for name, grid in grids.items():
            for number, code in zip(tasks[name], (11, 12, 13)):
                self.assertEqual(grid.ended(number)["exit_code"], code)
                self.assertEqual(grid.run("logs", number).stdout, f"{name} {number}\n")
            self.assertEqual(worker.read(f"/var/tmp/evidence-{name}"), f"{name}\n" * 3)

    def test_a_cancel_reaches_only_its_own(self):
        worker = self.cluster["n1"]
        grids = [self.grid(self.config(worker), host=host) for host in self.cluster.heads]
        numbers = [grid.submit("sleep", "1000", options=("--on", "n1")) for grid in grids]
        for grid, number in zip(grids, numbers):
            grid.running(number)
        self.assert_exit(grids[0].run("cancel", numbers[0]), 0)
        self.assertEqual(grids[0].ended(numbers[0])["state"], "cancelled")
        self.assertEqual(grids[1].execution(numbers[1])["state"], "running")
        self.assertEqual([words for words in self.tasks(worker).values() if words == "sleep 1000"], ["sleep 1000"])
        self.assert_exit(grids[1].run("cancel", numbers[1]), 0)
        grids[1].ended(numbers[1])

    def test_two_workers_on_one_shared_folder(self):
        self.cluster["n1"].run("rm", "-rf", SHARED)
        grid = self.grid(self.config(node=f"run_root: {SHARED}"))
        script = 'echo "$(hostname) $GRID_EXECUTION"; sleep 2; hostname >&2; [ "$(hostname)" = n1 ] && exit 21; exit 22'
        arrays = {name: grid.submit("sh", "-c", script, options=("--on", name, "--array", "3")) for name in ("n1", "n2")}
        single = {name: grid.submit("sh", "-c", script, options=("--on", name)) for name in ("n1", "n2")}
        for number in single.values():
            grid.running(number)
        grid.kill_daemon()
        for name, code in (("n1", 21), ("n2", 22)):
            found = grid.ended(single[name])
            self.assertEqual((found["node"], found["exit_code"]), (name, code))
            logs = grid.run("logs", single[name])
            self.assertEqual((logs.stdout, logs.stderr), (f"{name} {single[name]}\n", name + "\n"))
            self.assertEqual(grid.ended(arrays[name])["counts"]["failed"], 3)
            for element in range(3):
                self.assertEqual(grid.run("logs", f"{arrays[name]}.{element}").stdout, f"{name} {arrays[name]}.{element}\n")

    def test_the_end_on_one_leaves_the_other_alone(self):
        self.cluster["n1"].run("rm", "-rf", SHARED)
        grid = self.grid(self.config(node=f"run_root: {SHARED}"))
        numbers = {name: grid.submit("sleep", "1000", options=("--on", name)) for name in ("n1", "n2")}
        for number in numbers.values():
            grid.running(number)
        self.assert_exit(grid.run("cancel", numbers["n1"]), 0)
        self.assertEqual(grid.ended(numbers["n1"])["state"], "cancelled")
        self.assertEqual(grid.execution(numbers["n2"])["state"], "running")
        self.assertIn("sleep 1000", self.tasks(self.cluster["n2"]).values())
        wait_until(lambda: "sleep 1000" not in self.tasks(self.cluster["n1"]).values(), 10, "the end on n1")
        self.assert_exit(grid.run("cancel", numbers["n2"]), 0)
        grid.ended(numbers["n2"])

    def test_a_run_root_that_is_not_ours_is_refused(self):
        host = self.cluster["n1"]
        host.run("sh", "-c", "rm -rf /shared/*; mkdir /shared/others && chown 1234 /shared/others && chmod 777 /shared/others; "
                 "mkdir -m 700 /shared/mine && ln -s mine /shared/link; mkdir -m 755 /shared/open")
        for name in ("others", "link", "open"):
            with self.subTest(root=name):
                grid = self.grid(self.config(host, node=f"run_root: /shared/{name}"))
                done = grid.run("run", "--on", "n1", "--", "touch", "/srv/ran")
                self.assert_exit(done, 125)
                self.assertIn(f"/shared/{name}", done.stderr)
                self.assertFalse(os.path.exists(host.path("/srv/ran")))


if __name__ == "__main__":
    main()
