"""The arrows: apps → core → sdk ← plugins, the order of the areas of core, and one place for each library."""
import re

import house

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)

# What an area of core may include besides itself, base and the sdk.
AREAS = {
    "base": set(),
    "config": set(),
    "registry": set(),
    "scan": set(),
    "engine": set(),
    "move": set(),
    "client": set(),
    "store": {"engine"},
    "loop": {"client", "config", "engine", "move", "registry", "scan", "store"},
    "daemon": {"client", "config", "engine", "loop", "move", "registry", "scan", "store"},
}

# Heavy libraries, and the only files that may see them.
LIBRARIES = {
    "boost/dll": r"core/registry/library\.cpp",
    "boost/beast": r"core/daemon/http_server\.cpp|core/client/.*",
    "boost/asio": r"core/loop/.*|core/daemon/.*|core/client/.*",
    "boost/program_options": r"apps/grid/parse\.cpp",
    "boost/": r"core/registry/library\.cpp|core/daemon/.*|core/loop/.*|core/client/.*|apps/grid/parse\.cpp",
    "yaml-cpp/": r"core/config/yaml\.cpp",
    "sqlite3": r"core/store/sqlite\.cpp",
    "spdlog/": r"core/base/log\.cpp",
    "libssh2": r"plugins/transports/ssh/.*|bench/yard_ssh\.cpp",
    "openssl/": r"plugins/transports/ssh/.*",
    "nlohmann/": r"(core|apps/grid|plugins)/.*",
    "fmt/": r"(core|apps/grid|plugins)/.*",
}

plugins = [folder for kind in sorted((house.source / "plugins").iterdir()) if kind.is_dir()
           for folder in sorted(kind.iterdir()) if folder.is_dir()]
homes = ["/".join(folder.relative_to(house.source).parts) + "/" for folder in plugins]


def may_include(path, target):
    """Whether the file may include the project's header `target`; a name without folders is a neighbour."""
    part = path.parts
    if target.startswith("grid/sdk/"):
        return True
    if not target.startswith(("core/", "apps/", "plugins/", "sdk/", "tests/", "bench/")):
        neighbour = house.source / path.parent / target
        return neighbour.exists() or neighbour.with_suffix("").is_dir()  # made by the build from a folder of that name
    if part[0] == "plugins":
        return target.startswith("/".join(part[:3]) + "/")
    if part[0] == "core":
        area = target.split("/")[1] if target.startswith("core/") else ""
        return area in {part[1], "base"} | AREAS.get(part[1], set())
    if part[0] == "apps":
        return target.startswith(("core/", f"apps/{part[1]}/"))
    if part[:2] == ("tests", "support") and target.startswith("plugins/"):
        return True  # a plugin of the tests may be made from another one
    return part[0] in ("tests", "bench") and target.startswith(("core/", part[0] + "/"))


for path in house.files(".hpp", ".cpp"):
    for match in INCLUDE.finditer(house.text(path)):
        quoted, target = match[1] == '"', match[2]
        place = f"{path}:{house.text(path).count(chr(10), 0, match.start(2)) + 1}"
        if quoted or target.startswith(("grid/sdk/", "core/", "apps/", "plugins/")):
            house.look(may_include(path, target), place, f'"{target}" is against the arrows')
            continue
        for library, allowed in LIBRARIES.items():
            if target.startswith(library) and path.parts[0] in ("sdk", "core", "apps", "plugins"):
                house.look(re.fullmatch(allowed, str(path)), place, f"<{target}> is only for {allowed}")

# The build must not lead around the includes: what a part links.
areas = "|".join(AREAS)
for path in house.files("CMakeLists.txt", ".cmake"):
    if path.parts[0] in ("sdk", "plugins"):
        house.look(not re.search(rf"\bgrid_({areas})\b", house.text(path)), path, "links a part of core")
    if path.parts[0] == "core":
        house.look(not re.search(r"\bgrid_(policy|transport|metrics|renderer)_", house.text(path)), path, "links a plugin")

# Core knows plugins by the configuration only: its defaults, and the rules about the transport of this machine.
BY_NAME = {"core/config/config.hpp", "core/config/check.cpp", "core/loop/nodes.cpp"}
names = {folder.name for folder in plugins} - {"text", "json"}  # these two are everyday words
for path in house.files(".hpp", ".cpp", under="core"):
    if "test" in path.name or str(path) in BY_NAME:
        continue
    code = re.sub(r"//.*", "", house.text(path))
    for name in names:
        house.look(not re.search(rf'"(\w+\.)?{name}"', code), path, f'names the plugin "{name}"')

house.look(len(homes) > 0, "plugins", "there are none")
house.end()
