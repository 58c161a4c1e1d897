"""What the pages say is so: commands, output, exit codes, links, files, tests, variables, messages, configurations.

- In a ```console block each line `$ grid …` or `$ ./dev …` is a command that exists, with options that exist.
- A block after `<!-- printed by: grid … -->` is word for word what that command prints.
- A ```yaml block that begins with `version:` passes `grid config check`.
- `path/in/the/project` in backticks exists; so does each `Suite.Test` in docs/guarantees.md.
- A heading `## \\`message\\`` in docs/troubleshooting.md is a message of the program, with … where it varies.
"""
import functools
import re
import shlex
import tempfile

import house

PAGES = [path for path in house.files(".md") if path.parts[0] == "docs" or str(path) == "README.md"
         or path.parts[0] in ("plugins", "demo", "tests", "sdk")]
SOURCES = [house.text(path) for path in house.files(".cpp", ".hpp") if not path.name.endswith("_test.cpp")]


@functools.cache
def help_of(*command):
    return house.grid("help", *command)[0]


commands = set(re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +\S", help_of(), re.M))


def check_grid_command(place, words):
    """`words` follow `grid`."""
    options = []
    while words and words[0].startswith("-"):  # options of every command
        options.append(words.pop(0))
    if not words:
        command = ()
    else:
        command = tuple(words[:2]) if " ".join(words[:2]) in commands else tuple(words[:1])
        house.look(" ".join(command) in commands, place, f"there is no command: grid {' '.join(words)}")
        words = words[len(command):]
    for word in words:
        if word == "--" or (command == ("run",) and not word.startswith("-") and not options):
            break
        if word.startswith("-") and len(word) > 1:
            options.append(word)
    known = help_of(*command)
    for option in options:
        name = option.split("=")[0]
        house.look(re.search(rf"(^|[\s,]){re.escape(name)}\b", known), place, f"grid {' '.join(command)} has no {name}")


def check_console(page, number, lines):
    verbs = re.findall(r"^\s+([a-z]+)(?: \|.*)?\)", house.text("dev"), re.M)
    for at, line in enumerate(lines, number + 1):
        if not line.startswith("$ "):
            continue
        place = f"{page}:{at}"
        for part in re.split(r"\s(?:\||&&|;)\s", line[2:].split(" #")[0]):
            part = re.sub(r"^(\s*[A-Z_]+=\S*)+\s+", "", part)
            try:
                words = shlex.split(part)
            except ValueError:
                words = part.split()
            if words and words[0] in ("grid", "build/bin/grid"):
                check_grid_command(place, words[1:])
            if words and words[0] == "./dev":
                house.look(words[1] in verbs, place, f"./dev knows no {words[1]}")


def check_yaml(page, number, lines):
    with tempfile.TemporaryDirectory(prefix="grid-house-") as folder:
        path = folder + "/grid.yaml"
        with open(path, "w") as out:
            out.write("\n".join(lines) + "\n")
        answer = house.grid_json("config", "check", path)
    house.look(not answer.get("errors", [answer]), f"{page}:{number}", f"grid config check: {answer}")


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def headings(path):
    return {slug(found) for found in re.findall(r"^#+ (.*)$", house.text(path), re.M)}


codes = {"0"} | set(re.findall(r"^ *(\d+)  ", help_of("exit-codes"), re.M))
tests = {f"{suite}.{name}" for path in house.files("_test.cpp")
         for suite, name in re.findall(r"\b(?:TEST|TEST_F|TEST_P|RC_GTEST_PROP)\(\s*(\w+),\s*(\w+)", house.text(path))}
for path in house.files("_test.py", under="tests"):
    for suite, body in re.findall(r"^class (\w+).*?:\n(.*?)(?=^\S|\Z)", house.text(path), re.M | re.S):
        tests |= {f"{suite}.{name}" for name in re.findall(r"^    def (test_\w+)", body, re.M)}
# Text of the program with neighbouring literals joined, as the compiler joins them.
spoken = "\n".join(re.sub(r'"\s*\n\s*"', "", source).replace('\\"', '"') for source in SOURCES)
printed = 0

for page in PAGES:
    whole = house.text(page)
    blocks = house.fenced(page)
    for number, language, lines in blocks:
        if language == "console":
            check_console(page, number, lines)
        if language == "yaml" and lines and lines[0].startswith("version:"):
            check_yaml(page, number, lines)
        if number >= 2 and (made := re.fullmatch(r"<!-- printed by: grid (.*) -->", whole.splitlines()[number - 2])):
            printed += 1
            house.look("\n".join(lines).strip() == house.grid(*made[1].split())[0].strip(), f"{page}:{number}",
                       f"is not what grid {made[1]} prints")
    prose = re.sub(r"^```.*?^```$", lambda block: "\n" * block[0].count("\n"), whole, flags=re.M | re.S)
    for number, line in enumerate(prose.splitlines(), 1):
        place = f"{page}:{number}"
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (house.source / page.parent / path).resolve() if path else (house.source / page)
            house.look(there.exists(), place, f"leads nowhere: {target}")
            if anchor and there.exists():
                house.look(anchor in headings(there.relative_to(house.source)), place, f"no such heading: {target}")
        for code in re.findall(r"\bexit(?:s with|ed with)?(?: code)? `?(\d+)\b(?!\+)", line):
            house.look(code in codes or int(code) > 128, place, f"exit code {code} is not in grid help exit-codes")
        for quoted in re.findall(r"`([^`]+)`", line):
            if re.fullmatch(r"(core|sdk|apps|plugins|tests|config|demo|bench|docs)/[\w./*-]+", quoted):
                house.look(list(house.source.glob(quoted)) or list((house.source / page.parent).glob(quoted)), place, f"there is no {quoted}")
            if re.fullmatch(r"GRID_[A-Z_]+", quoted):
                house.look(re.search(rf"\b{quoted}\b", spoken), place, f"nothing reads {quoted}")
            if page.name == "guarantees.md" and re.fullmatch(r"[A-Z]\w+\.\w+", quoted):
                house.look(quoted in tests, place, f"there is no test {quoted}")
            if page.name == "troubleshooting.md" and line.startswith("## "):
                for piece in re.split(r"…", quoted):
                    house.look(piece.strip() in spoken, place, f"the program never says: {piece.strip()}")

house.look(printed > 0, "docs", "no page shows what grid prints")
house.look(any("printed by: grid help exit-codes" in house.text(page) for page in PAGES), "docs", "no page shows grid help exit-codes")
house.end()
