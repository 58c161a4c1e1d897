"""Environments: node and npm lie in different places on different hosts, and nowhere on one; no name means anything."""
from clustertest import ClusterTest, Spec, main

ENVIRONMENT = """environments:
  node: { matches: [node, npm, npx], require: [node, npm], source: ["~/.nvm/nvm.sh", /usr/local/nvm/nvm.sh] }
"""
NVM = 'NVM_DIR=%s\nexport NVM_DIR\nPATH="$NVM_DIR/versions/node/v%s/bin:$PATH"\n'


def nvm_tree(top, version):
    """What nvm leaves in `top`, with programs that say who they are."""
    programs = {name: f"#!/bin/sh\necho {name} {version} $# \"$@\"\n" for name in ("node", "npm", "npx")}
    return {f"{top}/nvm.sh": NVM % (top, version),
            **{f"{top}/versions/node/v{version}/bin/{name}": (text, 0o755) for name, text in programs.items()}}


class Environments(ClusterTest):
    # The same three machines twice, under other names and for other people.
    people, names = ("ada", "ob"), (("alpha", "beta", "gamma"), ("box-1", "box-2", "lonely"))
    specs = [Spec("head")]
    for user, (home, system, without) in zip(people, names):
        specs += [Spec(home, users=(user,), files=nvm_tree(f"/home/{user}/.nvm", "20.1.0")),
                  Spec(system, users=(user,), shell="fish", files=nvm_tree("/usr/local/nvm", "18.2.0")),
                  Spec(without, users=(user,), server="dropbear", shell="dash")]

    def config_of(self, number, client):
        lines = [f"  {name}: {{ transport: ssh, address: {self.people[number]}@{self.cluster[name].address} }}" for name in self.names[number]]
        return "\n".join(["version: 1", "head: { run: deny }", "nodes:", *lines, "plugins:", f"  transport.ssh: {{ client: {client} }}"]) + "\n" + ENVIRONMENT

    def setUp(self):
        for host in self.cluster.workers:   # node may be installed on this machine: hide it
            host.run("sh", "-c", "rm -f /usr/bin/node /usr/bin/npm /usr/bin/npx /usr/local/bin/node /usr/local/bin/npm /usr/local/bin/npx")

    def outcomes(self, number, client):
        """What happens on each host, with the names of hosts and people taken out."""
        grid = self.grid(self.config_of(number, client))
        found = []
        for name in self.names[number]:
            for words in (("npm", "run", "a b"), ("node", "x.js"), ("sh", "-c", "command -v node; echo $NVM_DIR")):
                options = ("--environment", "node") if words[0] == "sh" else ()
                done = grid.run("run", "--on", name, *options, "--", *words)
                text = done.stdout + done.stderr
                text = text.replace(self.people[number], "USER")
                for place, each in enumerate(self.names[number]):
                    text = text.replace(each, f"HOST{place}").replace(self.cluster[each].address, f"ADDRESS{place}")
                found.append((done.returncode, text))
        return found

    def test_what_is_found_where(self):
        for client in ("libssh2", "openssh"):
            with self.subTest(client=client):
                found = self.outcomes(0, client)
                self.assertEqual(found[:6], [
                    (0, "npm 20.1.0 2 run a b\n"), (0, "node 20.1.0 1 x.js\n"),
                    (0, "/home/USER/.nvm/versions/node/v20.1.0/bin/node\n/home/USER/.nvm\n"),
                    (0, "npm 18.2.0 2 run a b\n"), (0, "node 18.2.0 1 x.js\n"),
                    (0, "/usr/local/nvm/versions/node/v18.2.0/bin/node\n/usr/local/nvm\n")])
                for code, text in found[6:]:
                    self.assertEqual(code, 127, text)
                    for wanted in ("node", "npm", "looked in /", "USER", "HOST2", "~/.nvm/nvm.sh", "/usr/local/nvm/nvm.sh", "install it"):
                        self.assertIn(wanted, text)

    def test_other_names_change_nothing(self):
        self.assertEqual(self.outcomes(0, "libssh2"), self.outcomes(1, "libssh2"))

    def test_a_node_may_say_where_it_is(self):
        config = self.config_of(0, "libssh2").replace("gamma: {", "gamma: { environments: { node: { source: [], path: [/srv/node/bin] } },")
        for name in ("node", "npm"):
            self.cluster["gamma"].write(f"/srv/node/bin/{name}", f"#!/bin/sh\necho own {name}\n", 0o755)
        self.addCleanup(self.cluster["gamma"].run, "rm", "-rf", "/srv/node")
        self.assertEqual(self.grid(config).run("run", "--on", "gamma", "--", "npm").stdout, "own npm\n")

    def test_what_goes_along_and_what_stays(self):
        grid = self.grid(self.config_of(0, "libssh2"))
        script = 'echo "$HOME|$USER|$LANG|$SECRET_TOKEN|$GIVEN|$PATH"'
        done = grid.run("run", "--on", "alpha", "-e", "GIVEN=a b", "--", "sh", "-c", script, env={"SECRET_TOKEN": "s3cret", "LANG": "C"})
        home, user, lang, secret, given, path = done.stdout.rstrip("\n").split("|")
        self.assertEqual((home, user, lang, secret, given), ("/home/ada", "ada", "C", "", "a b"))
        self.assertNotIn("build/bin", path)


if __name__ == "__main__":
    main()
