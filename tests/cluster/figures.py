"""What the hosts of a cluster show as their load: /proc below a folder of their own, since their real /proc is the machine's.

A configuration names the folder as `file_root`. CPU shares come from the difference of two readings, so a thread lets the
counters go on as time does.
"""
import os
import threading
import time

ROOT = "/srv/figures"
TICKS = 100


class Figures:
    """cpus and memory of each host, and how busy it is; close() ends the thread."""

    def __init__(self, hosts, cpus=4, memory_bytes=8 << 30):
        self.cpus, self.memory_kib = cpus, memory_bytes >> 10
        self.busy = {host: 0.02 for host in hosts}
        self.used_memory = {host: 0.1 for host in hosts}
        self.counters = {host: [1000.0, 100000.0] for host in hosts}   # busy, idle
        self.last, self.done = time.monotonic(), threading.Event()
        self.mounted = set()
        for host in hosts:
            os.makedirs(host.path(f"{ROOT}/proc/pressure"), exist_ok=True)
        self.write()
        self.thread = threading.Thread(target=self.go_on, daemon=True)
        self.thread.start()

    def set(self, host, cpu=0.02, memory=0.1):
        """Shares from 0 to 1."""
        self.busy[host], self.used_memory[host] = cpu, memory

    def go_on(self):
        while not self.done.wait(0.2):
            self.write()

    def write(self):
        now = time.monotonic()
        passed, self.last = now - self.last, now
        for host, busy in self.busy.items():
            counters = self.counters[host]
            counters[0] += passed * TICKS * self.cpus * busy
            counters[1] += passed * TICKS * self.cpus * (1 - busy)
            if host.pid is not None:
                try:
                    self.write_host(host, busy)
                except OSError:   # it is being switched off
                    pass

    def write_host(self, host, busy):
        user, idle = map(int, self.counters[host])
        stat = f"cpu  {user} 0 0 {idle} 0 0 0 0 0 0\n"
        stat += "".join(f"cpu{n} {user // self.cpus} 0 0 {idle // self.cpus} 0 0 0 0 0 0\n" for n in range(self.cpus))
        some = f"some avg10={100 * max(0.0, busy - 0.9):.2f} avg60=0.00 avg300=0.00 total=1\n"
        calm = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
        available = int(self.memory_kib * (1 - self.used_memory[host]))
        content = {"stat": stat, "loadavg": f"{busy * self.cpus:.2f} 0.00 0.00 {round(busy * self.cpus)}/100 100\n",
                   "meminfo": f"MemTotal: {self.memory_kib} kB\nMemFree: {available} kB\nMemAvailable: {available} kB\n"
                              "SwapTotal: 0 kB\nSwapFree: 0 kB\n",
                   "uptime": f"{time.monotonic():.2f} 0.00\n", "pressure/cpu": some, "pressure/memory": calm, "pressure/io": calm}
        for name, text in content.items():
            path = host.path(f"{ROOT}/proc/{name}")
            if host in self.mounted:   # by its inode
                with open(path, "r+", encoding="ascii") as file:
                    file.write(text)
                    file.truncate()
                continue
            with open(path + "~", "w", encoding="ascii") as file:
                file.write(text)
            os.replace(path + "~", path)

    def mount(self, host):
        """The host shows them as its real /proc, too, so that nothing need be configured."""
        self.mounted.add(host)
        for name in ("stat", "loadavg", "meminfo", "pressure/cpu", "pressure/memory", "pressure/io"):
            host.run("mount", "--bind", f"{ROOT}/proc/{name}", f"/proc/{name}")

    def close(self):
        self.done.set()
        self.thread.join(5)
