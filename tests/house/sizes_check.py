"""No file of code above 800 lines; above 500 only with an argument."""
import house

LONG = 500
TOO_LONG = 800

# Files above 500 lines, and why each is one thing that would not be plainer as two.
ARGUED = {
    "core/store/store.cpp": "the statements of the one store: what writes a row and what reads it stand side by side",
}

for path in house.files(".hpp", ".cpp", ".py", ".sh", ".cmake"):
    lines = house.text(path).count("\n")
    house.look(lines <= TOO_LONG, path, f"{lines} lines; {TOO_LONG} is the most")
    house.look(lines <= LONG or str(path) in ARGUED, path, f"{lines} lines; above {LONG} it needs an argument here")

for path in ARGUED:
    long = (house.source / path).exists() and house.text(path).count("\n") > LONG
    house.look(long, path, "needs no argument any more")

house.end()
