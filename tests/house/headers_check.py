"""Public headers say what they are for, and no file speaks of a machine it was written on or of work left over."""
import re

import house

for path in house.files(".hpp", under="sdk/include") + house.files(".hpp", under="core"):
    house.look(house.text(path).startswith("//"), path, "opens without a comment that states its purpose")
    house.look("#pragma once" in house.text(path), path, "has no #pragma once")

# Spelt in two halves, so that this file may be looked at, too.
LEFT_OVER = re.compile(r"\b(" + "|".join(a + b for a, b in [("TO", "DO"), ("FIX", "ME"), ("HA", "CK")]) + r")\b")
BUILD_MACHINE = re.compile("|".join(a + b for a, b in [
    ("/wo", "rk/"), (r"\.\./sha", "red"), ("/ro", "ot/"), (r"/tmp/b", "-"), (r"/home/(?!me/|ob/|ada/|user/|\w*\.\.\.)[a-z]", r"+/")]))

for path in house.files():
    if "testdata" in path.parts:
        continue
    for number, line in enumerate(house.text(path).splitlines(), 1):
        house.look(not LEFT_OVER.search(line), f"{path}:{number}", "work left over: " + line.strip())
        house.look(not BUILD_MACHINE.search(line), f"{path}:{number}", "a path of somebody's machine: " + line.strip())

house.end()
