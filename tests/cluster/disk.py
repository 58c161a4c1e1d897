"""What is on the disk of a host before it starts: accounts, keys, configurations, devices.

A host's root is the machine's root with a layer of its own over it. Folders that must not show what the machine has
are opaque in that layer. Everything here is written into the layer, by paths outside the host.
"""
import dataclasses
import os
import stat
import subprocess
import uuid

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("GRID_BUILD", os.path.join(PROJECT, "build")))
# Shown to the head at their places, and to nobody else.
OURS = [PROJECT] if BUILD.startswith(PROJECT + "/") else [PROJECT, BUILD]
SHELLS = {"bash": "/bin/bash", "dash": "/bin/dash", "fish": "/usr/bin/fish", "tcsh": "/bin/tcsh", "busybox": "/usr/local/bin/ash"}
NOISE = "echo welcome to this machine; echo 'and mind the step' >&2"
START_FILES = {"bash": (".bashrc", ".profile"), "fish": (".config/fish/config.fish",), "tcsh": (".cshrc",),
               "dash": (".ssh/rc", ".profile"), "busybox": (".ssh/rc", ".profile")}
HOME = "/root"   # of the user root
OWN = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "home": 0o755, "run": 0o755, "dev": 0o755, "srv": 0o755,
       "mnt": 0o755, "var/log": 0o755, "etc/ssh": 0o755}
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}


@dataclasses.dataclass
class Spec:
    """A host to be made. The first one of a cluster is a head: it sees the project's folder, read-only, and can log in."""
    name: str
    server: str = "openssh"            # openssh | dropbear
    shell: str = "bash"                # everybody's login shell: bash | dash | fish | tcsh | busybox
    sh: str = ""                       # busybox: /bin/sh is busybox
    profile: str = ""                  # words: noise, slow
    users: tuple = ()                  # besides root; home in /home/NAME
    host_keys: tuple = ("ed25519",)
    port: int = 22
    server_lines: tuple = ()           # more lines of sshd_config, which go first
    files: dict = dataclasses.field(default_factory=dict)    # path -> text, or (text, mode)
    shared: dict = dataclasses.field(default_factory=dict)   # path -> name of a folder of the cluster
    tmpfs: tuple = ()                  # folders that are a tmpfs
    head: bool = False                 # one more head


def opaque(folder, mode):
    """An empty folder of the layer that hides what is below."""
    os.makedirs(folder, exist_ok=True)
    os.setxattr(folder, "trusted.overlay.opaque", b"y")
    os.chmod(folder, mode)


def put(path, content, mode=0o644, owner=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)
    os.chown(path, owner, owner)


def make_key(path, kind="ed25519"):
    more = ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *more, "-N", "", "-C", "cluster", "-f", path], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def public_part(path):
    """'TYPE BASE64' of the key at `path`."""
    with open(path + ".pub", encoding="ascii") as file:
        return " ".join(file.read().split()[:2])


def accounts(upper, spec):
    """passwd, shadow and group of the machine with everybody's shell and the further users. -> {user: (uid, home)}"""
    shell = SHELLS[spec.shell]
    found = {"root": (0, HOME)}
    for number, user in enumerate(spec.users):
        found[user] = (2000 + number, f"/home/{user}")
    with open("/etc/passwd", encoding="utf-8") as file:
        lines = [line for line in file.read().splitlines() if line.split(":")[0] not in found]
    lines += [f"{user}:x:{uid}:{uid}:{user}:{home}:{shell}" for user, (uid, home) in found.items()]
    put(f"{upper}/etc/passwd", "\n".join(lines) + "\n")
    put(f"{upper}/etc/shadow", "".join(f"{user}:*:19000:0:99999:7:::\n" for user in [*found, "sshd"]), 0o640)
    with open("/etc/group", encoding="utf-8") as file:
        groups = file.read()
    put(f"{upper}/etc/group", groups + "".join(f"{user}:x:{uid}:\n" for user, (uid, _) in found.items() if uid))
    with open("/etc/shells", encoding="utf-8") as file:
        put(f"{upper}/etc/shells", file.read() + "/usr/local/bin/ash\n")
    return found


def home_of(upper, spec, uid, home, client_key):
    folder = upper + home
    os.makedirs(folder + "/.ssh", exist_ok=True)
    put(folder + "/.ssh/authorized_keys", public_part(client_key) + " cluster\n", 0o600)
    words = spec.profile.split()
    script = "\n".join(([NOISE] if "noise" in words else []) + (["sleep 1"] if "slow" in words else []))
    for name in START_FILES[spec.shell] if script else ():
        put(f"{folder}/{name}", script.replace(" >&2", "") + "\n" if spec.shell == "tcsh" else script + "\n")
    for path, folders, files in os.walk(folder):
        for name in [path] + [os.path.join(path, each) for each in folders + files]:
            os.chown(name, uid, uid)
    os.chmod(folder, 0o700)
    os.chmod(folder + "/.ssh", 0o700)


def server_files(upper, spec):
    """Host keys and configuration of the host's SSH server. -> ['TYPE BASE64', …]"""
    keys = []
    for kind in spec.host_keys:
        path = f"{upper}/etc/ssh/host_{kind}"
        make_key(path, kind)
        keys.append(public_part(path))
        if spec.server == "dropbear":
            subprocess.run(["dropbearconvert", "openssh", "dropbear", path, path + ".db"], check=True, capture_output=True)
    lines = [*spec.server_lines, f"Port {spec.port}", *(f"HostKey /etc/ssh/host_{kind}" for kind in spec.host_keys), "UsePAM no",
             "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
             "UseDNS no", "PrintMotd no", "PidFile /run/sshd.pid", "LogLevel VERBOSE"]
    put(f"{upper}/etc/ssh/sshd_config", "\n".join(lines) + "\n")
    os.makedirs(f"{upper}/run/sshd", exist_ok=True)
    return keys


def devices(upper):
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"{upper}/dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(major, minor))
        os.chmod(f"{upper}/dev/{name}", 0o666)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx")):
        os.symlink(target, f"{upper}/dev/{name}")
    os.mkdir(f"{upper}/dev/pts")
    opaque(f"{upper}/dev/shm", 0o1777)


def new_boot(disk):
    """Every start is a boot with an id of its own, which the kernel, being one, does not give."""
    put(f"{disk}/boot_id", str(uuid.uuid4()) + "\n", 0o444)


def write(disk, spec, client_key, hosts_file):
    """Fills the layer below `disk`. -> ({user: (uid, home)}, [host keys])"""
    upper = f"{disk}/upper"
    for name in ("work", "root"):
        os.makedirs(f"{disk}/{name}")
    for name, mode in OWN.items():
        opaque(f"{upper}/{name}", mode)
    for folder in OURS:
        opaque(upper + folder, 0o755)
    devices(upper)
    users = accounts(upper, spec)
    put(f"{upper}/etc/hostname", spec.name + "\n")
    put(f"{upper}/etc/hosts", "127.0.0.1 localhost\n" + hosts_file)
    put(f"{upper}/etc/machine-id", uuid.uuid4().hex + "\n", 0o444)
    put(f"{upper}/etc/ssh/ssh_config", "Host *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n")
    os.makedirs(f"{upper}/usr/local/bin", exist_ok=True)
    os.symlink("/bin/busybox", f"{upper}/usr/local/bin/ash")
    if spec.sh == "busybox":
        os.makedirs(f"{upper}/usr/bin", exist_ok=True)
        os.symlink("busybox", f"{upper}/usr/bin/sh")
    keys = server_files(upper, spec)
    for path, content in spec.files.items():
        put(upper + path, *(content if isinstance(content, tuple) else (content,)))
    for uid, home in users.values():   # last: all in a home is its user's
        home_of(upper, spec, uid, home, client_key)
    for path in [*spec.shared, *spec.tmpfs]:
        os.makedirs(upper + path, exist_ok=True)
    new_boot(disk)
    return users, keys
