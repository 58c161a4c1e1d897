"""One name for each plugin, everywhere; one sample; tests. And no profile names a plugin that is not there."""
import re

import house

KIND = {"policies": "policy", "transports": "transport", "metrics": "metrics", "renderers": "renderer"}


def title_of(readme):
    """The name in `# name`, `# kind/name` or "# transport `name`"."""
    heading = re.match(r"# (.*)", readme)
    return re.split(r"[/ ]", heading[1].replace("`", ""))[-1] if heading else None


def samples_in(readme):
    return [body + "\n" for body in re.findall(r"^```yaml\n(.*?)\n```$", readme, re.M | re.S)]


known = set()
for folder in sorted(path for path in (house.source / "plugins").glob("*/*") if path.is_dir()):
    kind, name, place = KIND.get(folder.parent.name), folder.name, folder.relative_to(house.source)
    house.look(kind, place, f"is none of {', '.join(KIND)}")
    if not (folder / "CMakeLists.txt").exists():
        house.look(False, place, "has no CMakeLists.txt")
        continue
    known.add((kind, name))
    cmake = (folder / "CMakeLists.txt").read_text()
    house.look(re.search(rf"grid_plugin\({kind} {name}\b", cmake), place, f"CMakeLists.txt does not say grid_plugin({kind} {name}")
    house.look(list(folder.glob("*_test.cpp")), place, "has no tests")
    house.look((folder / "README.md").exists(), place, "has no README.md")
    house.look((folder / "sample.yaml").exists(), place, "has no sample.yaml")
    if not (folder / "README.md").exists() or not (folder / "sample.yaml").exists():
        continue
    readme, sample = (folder / "README.md").read_text(), (folder / "sample.yaml").read_text()
    house.look(title_of(readme) == name, f"{place}/README.md", f"its title names {title_of(readme)}")
    house.look(sample in samples_in(readme), f"{place}/README.md", "does not show sample.yaml as it is, in a yaml block")
    info = house.grid_json("plugin", "info", f"{kind}.{name}")
    house.look((info.get("kind"), info.get("name")) == (kind, name), place, f"its descriptor says {info}")
    house.look(info.get("sample_yaml") == sample, place, f"the sample compiled in is not sample.yaml: {info.get('sample_yaml')!r}")
    for option in info.get("options", []):
        house.look(f"{option['name']}:" in sample or f"`{option['name']}`" in readme, place,
                   f"option {option['name']} is neither in the sample nor in the README")

for profile in house.files(".yaml", under="config"):
    lines = "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in house.text(profile).splitlines())
    named = [("policy", name) for name in re.findall(r"^policy:\s*(\w+)", lines, re.M)]
    named += [("metrics", name.strip()) for found in re.findall(r"\bmetrics:\s*\[([^\]]*)\]", lines) for name in found.split(",")]
    named += [("transport", name) for name in re.findall(r"\btransport:\s*(\w+)", lines)]
    named += re.findall(r"^\s+(policy|metrics|transport|renderer)\.(\w+):", lines, re.M)
    for kind, name in named:
        house.look((kind, name) in known, profile, f"names {kind}.{name}, and there is no such plugin")

house.end()
