"""The commands of docs/remote.md as they are written there, typed by somebody with two machines and a key."""
import os
import re
import time

from clustertest import ClusterTest, Spec, main
from disk import BUILD, PROJECT
from hosts import PATH

PAGE = os.path.join(PROJECT, "docs/remote.md")
FIVE_MINUTES = 300


def commands_of(page):
    """[(command, lines that it prints)] of all console blocks."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> "):
                found[-1] = (found[-1][0] + "\n" + line[2:], found[-1][1])
            else:
                found[-1][1].append(line)
    return found


class Guide(ClusterTest):
    specs = (Spec("head", users=("me",)), Spec("gpu1", users=("me",)))

    def test_the_page_as_written(self):
        with open(PAGE, encoding="utf-8") as file:
            commands = commands_of(file.read())
        self.assertGreater(len(commands), 12)
        self.figures.mount(self.cluster["gpu1"])   # idle, whatever this machine does
        # One shell, as a person has; after each command its number and status on both streams' common file.
        script = "".join(f"{command}\nstatus=$?; echo; echo \"@@ {number} $status\"\n" if not command.endswith("&") else
                         f"{command}\necho; echo '@@ {number} 0'\n" for number, (command, _) in enumerate(commands))
        self.head.write("/home/me/page.sh", "exec 2>&1\n" + script, user="me")
        start = time.monotonic()
        done = self.head.run("bash", "/home/me/page.sh", user="me", env={"PATH": f"{BUILD}/bin:{PATH}"}, check=False, timeout=FIVE_MINUTES)
        took = time.monotonic() - start
        self.addCleanup(self.head.run, "sh", "-c", "grid daemon stop", user="me", env={"PATH": f"{BUILD}/bin:{PATH}"}, check=False)
        parts = re.split(r"^@@ (\d+) (\d+)\n", done.stdout, flags=re.M)
        outputs = {int(number): (int(status), output) for output, number, status in zip(parts[::3], parts[1::3], parts[2::3])}
        for number, (command, printed) in enumerate(commands):
            with self.subTest(command=command):
                self.assertIn(number, outputs, done.stdout)
                status, output = outputs[number]
                self.assertEqual(status, 0, output)
                for line in printed:
                    self.assertIn(line, output.splitlines())
        self.assertLess(took, FIVE_MINUTES)
        self.assertEqual(self.head.read("/home/me/first-job/result.txt"), "20000000\n")


if __name__ == "__main__":
    main()
