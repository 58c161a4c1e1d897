"""The host or its SSH server is away while a task runs: it goes on, its log is whole, and its ending is the true one."""
import hashlib
import time

from clustertest import TERMINAL, ClusterTest, Spec, main, wait_until

CUT_SECONDS = 30
TALKING = 'echo start >> {evidence}; i=0; while [ $i -lt {count} ]; do i=$((i+1)); echo "$i $0"; echo "err $i" >&2; sleep 0.1; done; exit 7'


class Away(ClusterTest):
    specs = (Spec("head"), Spec("n1"), Spec("n2", server="dropbear", shell="dash"))

    def setUp(self):
        self.grids = {client: self.grid(self.config(client=client)) for client in ("libssh2", "openssh")}
        self.tasks_started = []

    def talk_everywhere(self, count):
        """Starts a talking task by each client on each host, and waits until all talk."""
        for client, grid in self.grids.items():
            for host in self.cluster.workers:
                evidence = f"/var/tmp/evidence-{client}"
                host.run("rm", "-f", evidence)
                number = grid.submit("sh", "-c", TALKING.format(evidence=evidence, count=count), "x" * 50, options=("--on", host.name))
                self.tasks_started.append((client, grid, host, number, evidence))
        for _, grid, host, number, evidence in self.tasks_started:
            wait_until(lambda: host.read(evidence), 20, f"the start of {number} on {host.name}")

    def check_all(self, count, seconds):
        out = "".join(f"{i} {'x' * 50}\n" for i in range(1, count + 1))
        err = "".join(f"err {i}\n" for i in range(1, count + 1))
        digest = lambda text: hashlib.sha256(text.encode()).hexdigest()
        for client, grid, host, number, evidence in self.tasks_started:
            with self.subTest(client=client, host=host.name):
                found = grid.ended(number, seconds)
                self.assertEqual((found["state"], found["exit_code"], len(found["attempts"])), ("failed", 7, 1), found)
                self.assertEqual(host.read(evidence), "start\n", "it was started again")
                logs = grid.run("logs", number)
                self.assertEqual((len(logs.stdout), digest(logs.stdout)), (len(out), digest(out)))
                self.assertEqual((len(logs.stderr), digest(logs.stderr)), (len(err), digest(err)))

    def test_a_link_that_is_cut(self):
        self.talk_everywhere(count=400)
        for host in self.cluster.workers:
            host.cut()
        time.sleep(CUT_SECONDS)
        for host in self.cluster.workers:
            host.heal()
        self.check_all(400, seconds=90)

    def test_a_server_that_dies_with_all_its_connections(self):
        self.talk_everywhere(count=60)
        for host in self.cluster.workers:
            host.stop_server()
        time.sleep(2)
        for host in self.cluster.workers:
            host.start_server()
        self.check_all(60, seconds=60)

    def test_an_ending_that_nobody_saw(self):
        self.talk_everywhere(count=20)
        for host in self.cluster.workers:
            host.stop_server()
        for host in self.cluster.workers:
            wait_until(lambda: not self.tasks(host), 20, f"the tasks' ends on {host.name}")
            host.start_server()
        self.check_all(20, seconds=60)

    def test_a_frozen_host(self):
        self.talk_everywhere(count=60)
        host = self.cluster["n1"]
        host.freeze()
        time.sleep(5)
        host.thaw()
        self.check_all(60, seconds=60)

    def test_the_death_of_a_host_is_never_a_success(self):
        for client, grid in self.grids.items():
            for host in self.cluster.workers:
                done = f"/var/tmp/done-{client}"
                number = grid.submit("sh", "-c", f"sleep 4; echo done >> {done}; exit 0", options=("--on", host.name))
                self.tasks_started.append((client, grid, host, number, done))
        for _, grid, _, number, _ in self.tasks_started:
            grid.running(number)
        for host in self.cluster.workers:
            host.kill()
        time.sleep(2)
        for client, grid, host, number, _ in self.tasks_started:
            with self.subTest(client=client, host=host.name, when="while it is down"):
                found = grid.execution(number)
                self.assertNotEqual(found["state"], "completed", found)
        for host in self.cluster.workers:
            host.start()
        for client, grid, host, number, done in self.tasks_started:
            with self.subTest(client=client, host=host.name, when="after its start"):
                found = grid.ended(number, 60)
                self.assertIn(found["state"], TERMINAL)
                if not host.read(done):
                    self.assertEqual((found["state"], found["exit_code"]), ("aborted", None), found)
                    self.assertNotEqual(grid.run("wait", number).returncode, 0)


if __name__ == "__main__":
    main()
