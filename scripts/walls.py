#!/usr/bin/env python3
"""Check who imports whom: the walls between the wings of the house, and no circles.

Prints one line for each import that crosses a wall, for each circle, and for each
name of one of the PBX's endpoints outside `pbx/`, and then ends with 1. With
`--count`, prints how many imports lead from each room to each other one.
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
# The rooms that need no Home Assistant.
PURE = ("pbx", "pbx.calls")
# What comes before the slash in the names of the PBX's endpoints (protocol 6).
ENDPOINT = re.compile(
    r"(call|cdr|companycontacts|deviceinfo|extension|ivr|queue|recording|sms|trunk|"
    r"voicemail)/[a-z_]+"
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


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all below a node but what is there for types alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from statements(child)


def imports(module: str, tree: ast.Module, known: Mapping[str, object]) -> set[str]:
    """Return the modules of the house that a module imports."""
    package = module.split(".")[:-1]
    found: set[str] = set()
    for node in statements(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[: len(package) - node.level + 1]
        base += (node.module or "").split(".") if node.module else []
        for alias in node.names:
            choices = ([*base, alias.name], base, [*base, "__init__"])
            names = [".".join(choice) for choice in choices]
            found.update([name for name in names if name in known][:1])
    return found - {module}


def crossings(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the imports that cross a wall."""
    for module, others in graph.items():
        room = room_of(module)
        if not room:
            continue
        for other in sorted(others):
            theirs = room_of(other)
            if theirs != room and not WALLS[room] & {theirs, other}:
                yield f"{module} imports {other}: {room} may not import that"


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
            match node:
                case ast.ImportFrom(module=str(name), level=0) if pure:
                    names = [name]
                case ast.Import(names=aliases) if pure:
                    names = [alias.name for alias in aliases]
                case ast.Constant(value=str(text)) if not pure:
                    if ENDPOINT.fullmatch(text):
                        yield f"{module} names the endpoint {text}: only pbx may"
                    continue
                case _:
                    continue
            for name in names:
                if name.split(".")[0] == "homeassistant":
                    yield f"{module} imports {name}: it needs no Home Assistant"


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
    graph = {name: imports(name, tree, trees) for name, tree in trees.items()}
    if sys.argv[1:] == ["--count"]:
        print("\n".join(counts(graph)))
        return 0
    problems = [*crossings(graph), *circles(graph), *impurities(trees)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
