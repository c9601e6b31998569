#!/usr/bin/env python3
"""Check who imports whom: the walls between the wings of the house, and no circles.

Prints one line for each import that crosses a wall, for each circle, for each request
and each name of one of the PBX's endpoints outside `pbx/`, and for each wing that has
no walls or does not say what it is for; and then ends with 1. With `--count`, prints
how many imports lead from each room to each other one.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
import re
import sys

ROOT = Path(__file__).resolve().parent.parent
INTEGRATION = ROOT / "custom_components/yeastar"

# The walls: what a room may import of the house, besides itself. A name stands for a
# room or for one module. What is not named here are the rooms that Home Assistant
# looks for, which may import everything.
WALLS: Mapping[str, frozenset[str]] = {
    "pbx": frozenset(),
    "pbx.calls": frozenset({"pbx"}),
    "delivery": frozenset({"const", "pbx"}),
    "switchboard": frozenset({"const", "pbx", "pbx.calls", "delivery.watch"}),
    "media": frozenset({"const", "pbx", "pbx.calls", "switchboard"}),
    "triggers": frozenset({"const", "pbx", "pbx.calls", "switchboard"}),
}
# The rooms that need no Home Assistant, and what they need of others.
PURE = ("pbx", "pbx.calls")
OTHERS = ("aiohttp",)
NEEDED = frozenset({*OTHERS, *sys.stdlib_module_names}) - {"importlib"}
# The rooms that may name a type of a room which they do not import when they run.
TYPES_OF_ANY = frozenset({"media"})
# What a wing's docstring has to say (house, "may touch" and "hands out").
SAID = ("May import:", "Hands out")
# What asks the PBX, on whatever is called a client.
ASKING = frozenset({"request", "download"})
# What comes before the slash in the names of the PBX's endpoints (protocol 6).
ENDPOINT = re.compile(
    r"/?(call|cdr|companycontacts|conference|deviceinfo|extension|ivr|paginggroup|"
    r"pbx|queue|recording|ringgroup|sms|token|trunk|uacstacall|voicemail|wakeupcall)"
    r"/([a-z_]+(\?.*)?)?"
)


def rooms_of(module: str) -> Iterator[str]:
    """Yield the rooms that a module stands in, the smallest one first."""
    parts = module.split(".")[:-1]
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length])


def room_of(module: str) -> str:
    """Return the room of a module, "" for those that Home Assistant looks for."""
    return next((room for room in rooms_of(module) if room in WALLS), "")


def modules() -> Mapping[str, ast.Module]:
    """Return the modules of the house, parsed, by their dotted names."""
    return {
        ".".join(path.relative_to(INTEGRATION).with_suffix("").parts): ast.parse(
            path.read_text()
        )
        for path in sorted(INTEGRATION.rglob("*.py"))
    }


def statements(node: ast.AST, *, types: bool) -> Iterator[ast.AST]:
    """Yield all below a node; what is there for types alone only if `types`."""
    for child in ast.iter_child_nodes(node):
        if (
            not types
            and isinstance(child, ast.If)
            and ast.unparse(child.test) == "TYPE_CHECKING"
        ):
            for other in child.orelse:
                yield other
                yield from statements(other, types=types)
            continue
        yield child
        yield from statements(child, types=types)


def imports(
    module: str, tree: ast.Module, known: Mapping[str, object], *, types: bool
) -> set[str]:
    """Return the modules of the house that a module imports, in whichever way."""
    house = INTEGRATION.relative_to(ROOT).parts
    package = [*house, *module.split(".")[:-1]]
    named: list[tuple[str, ...]] = []
    for node in statements(tree, types=types):
        match node:
            case ast.ImportFrom():
                base = package[: len(package) - node.level + 1] if node.level else []
                base = [*base, *(node.module.split(".") if node.module else [])]
                named += [(*base, alias.name) for alias in node.names]
            case ast.Import():
                named += [tuple(alias.name.split(".")) for alias in node.names]
    found: set[str] = set()
    for parts in named:
        if parts[: len(house)] != house:
            continue
        inside = parts[len(house) :]
        choices = (inside, inside[:-1], (*inside[:-1], "__init__"))
        names = [".".join(choice) for choice in choices]
        found.update([name for name in names if name in known][:1])
    return found - {module}


def crossings(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """Yield the imports that cross a wall."""
    for module, tree in trees.items():
        room = room_of(module)
        if not room:
            continue
        types = room not in TYPES_OF_ANY
        for other in sorted(imports(module, tree, trees, types=types)):
            theirs = room_of(other)
            if theirs != room and not WALLS[room] & {theirs, other}:
                yield f"{module} imports {other}: {room} may not import that"


def unwalled(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """Yield the wings that have no walls, or do not say what they are for."""
    wings = {room for module in trees for room in rooms_of(module)}
    for room in sorted(wings):
        if room not in WALLS:
            yield f"{room} is a wing without walls: name them in scripts/walls.py"
        door = trees.get(f"{room}.__init__")
        said = " ".join(((door and ast.get_docstring(door)) or "").split())
        for phrase in SAID:
            if phrase not in said:
                yield f"{room}: the docstring of its __init__ lacks {phrase!r}"


def circles(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield a circle of imports, if there is one."""
    # A package's door imports what it hands on; whoever comes in by it means that.
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"a circle: {' <- '.join(error.args[1])}"


def impurities(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """Yield what only Home Assistant's side may have, and what only `pbx` may have."""
    for module, tree in trees.items():
        pure = room_of(module) in PURE
        for node in ast.walk(tree):
            names: list[str] = []
            match node:
                case ast.ImportFrom(module=str(name), level=0) if pure:
                    names = [name]
                case ast.Import(names=aliases) if pure:
                    names = [alias.name for alias in aliases]
                case ast.Constant(value=str(text)) if not pure:
                    if ENDPOINT.fullmatch(text):
                        yield f"{module} names the endpoint {text}: only pbx may"
                case ast.Call(func=ast.Attribute(value=who, attr=str(verb))) if (
                    not pure and verb in ASKING
                ):
                    if ast.unparse(who).endswith("client"):
                        yield f"{module} asks the PBX itself ({verb}): only pbx may"
            for name in names:
                top = name.split(".")[0]
                if top == "homeassistant":
                    yield f"{module} imports {name}: it needs no Home Assistant"
                elif top not in NEEDED and top != INTEGRATION.parent.name:
                    yield f"{module} imports {name}: it needs {', '.join(OTHERS)} only"


def counts(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield how many imports lead from each room to each other one."""
    found = Counter(
        (room_of(module) or "(doors)", room_of(other) or "(doors)")
        for module, others in graph.items()
        for other in others
    )
    for (room, other), count in sorted(found.items()):
        yield f"{room:12} -> {other:12} {count:3}"


def main() -> int:
    """Check, or count; return how the program ends."""
    trees = modules()
    graph = {
        name: imports(name, tree, trees, types=False) for name, tree in trees.items()
    }
    if sys.argv[1:] == ["--count"]:
        print("\n".join(counts(graph)))
        return 0
    problems = [
        *unwalled(trees),
        *crossings(trees),
        *circles(graph),
        *impurities(trees),
    ]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
