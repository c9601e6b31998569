#!/usr/bin/env python3
"""Check what Home Assistant's and HACS's validators and reviewers would check.

As far as that needs no network: the manifest and `hacs.json`, brand images, texts in
all languages, icons, actions, triggers and conditions, the quality scale, versions,
and the links of the documentation. Prints one line for each rule that is broken and
then ends with 1. Needs PyYAML and an installed Home Assistant, to compare with.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
import json
from pathlib import Path
import re
import struct
import sys
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = "yeastar"
INTEGRATION = ROOT / "custom_components" / DOMAIN
LANGUAGES = ("en", "de", "es", "fr", "it")

# Home Assistant, developers' documentation, "Integration manifest".
MANIFEST_REQUIRED = {
    "codeowners",
    "config_flow",
    "documentation",
    "domain",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "name",
    "version",
}
MANIFEST_KNOWN = MANIFEST_REQUIRED | {
    "after_dependencies",
    "categories",
    "connectivity",
    "dependencies",
    "loggers",
    "requirements",
}
INTEGRATION_TYPES = {"device", "hub", "service"}
IOT_CLASSES = {"local_polling", "local_push"}
# HACS's documentation, "hacs.json".
HACS_KNOWN = {
    "content_in_root",
    "country",
    "filename",
    "hacs",
    "hide_default_branch",
    "homeassistant",
    "name",
    "persistent_directory",
    "render_readme",
    "zip_release",
}
# Home Assistant's brands: the length of the shorter side, least and most.
BRAND_SIDES = {"icon": (256, 256), "logo": (128, 256)}
# Parts of Home Assistant that are always there, and those that ask for ours only if
# they are themselves in use.
NEVER_DECLARED = {
    "binary_sensor",
    "diagnostics",
    "event",
    "logbook",
    "media_player",
    "media_source",
    "repairs",
    "sensor",
    "switch",
    "system_health",
}
# What Home Assistant's own helpers for flows use.
USED_BY_CORE = {"already_configured"}
# What is put before the key of an exception, depending on what was tried.
PREFIXES = ("action_", "invalid_", "refused_", "setting_")
# A file, perhaps with headings of it: README.md, "Options".
PROOF = re.compile(
    r"((?:tests|docs|translations|brand|pbx|delivery|media|switchboard|triggers)/[\w/]*(?:\.\w+)?|\w+\.(?:py|md|json|toml))"
    r'(?:, ((?:"[^"]+"(?: and )?)+))?'
)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")

type Json = dict[str, Any]


def read_json(path: Path) -> Json:
    """Return a JSON file; a key that is there twice is an error."""

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError(f"{path.name} has a key twice")
        return found

    content: Json = json.loads(path.read_text(), object_pairs_hook=unique)
    return content


def read_yaml(path: Path) -> Json:
    """Return a YAML file."""
    content: Json = yaml.safe_load(path.read_text())
    return content


@cache
def trees() -> Mapping[str, ast.Module]:
    """Return the integration's modules, parsed, by their path."""
    return {
        str(path.relative_to(INTEGRATION)): ast.parse(path.read_text())
        for path in sorted(INTEGRATION.rglob("*.py"))
    }


def strings(*modules: str) -> set[str]:
    """Return all string constants of modules, of all of them if none is named."""
    return {
        node.value
        for path, tree in trees().items()
        if not modules or path in modules
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def flat(node: Any, path: str = "") -> dict[str, str]:
    """Return all texts below a node, by their path."""
    if not isinstance(node, dict):
        return {path: str(node)}
    found: dict[str, str] = {}
    for key, value in node.items():
        found |= flat(value, f"{path}.{key}" if path else key)
    return found


def differences(
    what: str, one: str, ones: Iterable[str], other: str, others: Iterable[str]
) -> Iterator[str]:
    """Yield what only one of two sides has."""
    for key in sorted(set(ones) - set(others)):
        yield f"{what} {key} is in {one} but not in {other}"
    for key in sorted(set(others) - set(ones)):
        yield f"{what} {key} is in {other} but not in {one}"


def manifest() -> Iterator[str]:
    """Check the manifest's keys, their order, and what the code needs."""
    content = read_json(INTEGRATION / "manifest.json")
    keys = list(content)
    ordered = ["domain", "name", *sorted(set(keys) - {"domain", "name"})]
    if keys != ordered:
        yield f"manifest.json: the order of the keys is to be {', '.join(ordered)}"
    for key in sorted(MANIFEST_REQUIRED - set(keys)):
        yield f"manifest.json lacks {key}"
    for key in sorted(set(keys) - MANIFEST_KNOWN):
        yield f"manifest.json: {key} is not known"
    if content.get("domain") != DOMAIN:
        yield f"manifest.json: the domain is to be {DOMAIN}"
    if content.get("integration_type") not in INTEGRATION_TYPES:
        yield "manifest.json: integration_type is not known"
    if content.get("iot_class") not in IOT_CLASSES:
        yield "manifest.json: iot_class is not known"
    if content.get("requirements"):
        yield "manifest.json: only what Home Assistant ships is used at run time"
    if not all(owner.startswith("@") for owner in content.get("codeowners", ["?"])):
        yield "manifest.json: codeowners begin with @"
    for key in ("documentation", "issue_tracker"):
        if not str(content.get(key)).startswith("https://"):
            yield f"manifest.json: {key} is to be an https address"
    declared = {
        *content.get("dependencies", ()),
        *content.get("after_dependencies", ()),
    }
    used = {
        name.split(".")[2]
        for tree in trees().values()
        for node in ast.walk(tree)
        for name in imported(node)
        if name.startswith("homeassistant.components.")
    }
    for name in sorted(used - declared - NEVER_DECLARED):
        yield f"manifest.json: {name} is used but is not among the dependencies"
    for name in sorted(declared - used - {"http"}):  # `hass.http` is not imported.
        yield f"manifest.json: {name} is a dependency and is not used"


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the full names of what a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def versions() -> Iterator[str]:
    """Check that the version is one, and in the changelog on top."""
    own = str(read_json(INTEGRATION / "manifest.json").get("version"))
    if not re.fullmatch(r"\d+\.\d+\.\d+(b\d+)?", own):
        yield f"manifest.json: {own} is not a version such as 1.2.3 or 1.2.3b1"
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    if heading is None or heading[1] != own:
        yield f"CHANGELOG.md: its first heading is to be that of version {own}"


def hacs() -> Iterator[str]:
    """Check what HACS reads."""
    content = read_json(ROOT / "hacs.json")
    for key in sorted(set(content) - HACS_KNOWN):
        yield f"hacs.json: {key} is not known"
    if not content.get("name"):
        yield "hacs.json lacks name"
    if content.get("zip_release") and not content.get("filename"):
        yield "hacs.json: a zip_release needs a filename"
    least = str(content.get("homeassistant"))
    if not re.fullmatch(r"\d{4}\.\d+\.\d+", least):
        yield "hacs.json: homeassistant is to be the oldest version that is supported"
    elif least.split(".")[:2] != version("homeassistant").split(".")[:2]:
        yield f"hacs.json: the tests run on {version('homeassistant')}, not on {least}"
    for name in ("README.md", "LICENSE", "CHANGELOG.md"):
        if not (ROOT / name).is_file():
            yield f"{name} is missing"


def brand() -> Iterator[str]:
    """Check that the brand's images are there, in the sizes of Home Assistant's."""
    for kind, (least, most) in BRAND_SIDES.items():
        for name, times in ((f"{kind}.png", 1), (f"{kind}@2x.png", 2)):
            for file in (name, f"dark_{name}"):
                path = INTEGRATION / "brand" / file
                start = path.read_bytes()[:24] if path.is_file() else b""
                if start[:8] != b"\x89PNG\r\n\x1a\n":
                    yield f"brand/{file} is not there, or not a PNG image"
                    continue
                sides = struct.unpack(">II", start[16:24])
                if not least * times <= min(sides) <= most * times:
                    yield f"brand/{file}: {sides} is not a size for it"
                if kind == "icon" and sides[0] != sides[1]:
                    yield f"brand/{file} is not a square"


def english() -> Json:
    """Return the texts that the others are translated from."""
    return read_json(INTEGRATION / "translations/en.json")


def translations() -> Iterator[str]:
    """Check that every language says what English says, with the same placeholders."""
    texts = flat(english())
    found = {path.stem for path in (INTEGRATION / "translations").glob("*.json")}
    for language in LANGUAGES:
        if language not in found:
            yield f"translations/{language}.json is missing"
    for path, text in texts.items():
        if not text.strip() or text != text.strip():
            yield f"en.json: {path} is empty, or has blanks around it"
    for language in sorted(found - {"en"}):
        file = f"{language}.json"
        others = flat(read_json(INTEGRATION / "translations" / file))
        yield from differences("text", "en.json", texts, file, others)
        for path in texts.keys() & others.keys():
            if not others[path].strip():
                yield f"{file}: {path} is empty"
            if placeholders(others[path]) != placeholders(texts[path]):
                yield f"{file}: {path} has other placeholders than in English"


def placeholders(text: str) -> set[str]:
    """Return what is put into a text."""
    return set(re.findall(r"\{\w+\}", text))


def flows() -> Iterator[str]:
    """Check that every field of a form is explained, and every error is used."""
    texts = english()
    for area in ("config", "options"):
        for name, step in texts[area]["step"].items():
            yield from differences(
                f"{area}.step.{name}: field",
                "data",
                step.get("data", ()),
                "data_description",
                step.get("data_description", ()),
            )
    known = strings()
    for path in ("config.error", "config.abort", "issues"):
        node = texts
        for part in path.split("."):
            node = node[part]
        for key in node:
            if key not in known | USED_BY_CORE:
                yield f"en.json: {path}.{key} is not used by the code"


def exceptions() -> Iterator[str]:
    """Check that every exception has a text, and every text an exception."""
    texts = set(english()["exceptions"])
    raised = set()
    for tree in trees().values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            words = {word.arg: word.value for word in node.keywords}
            key = words.get("translation_key")
            if "translation_domain" in words and isinstance(key, ast.Constant):
                raised.add(str(key.value))
    for key in sorted(raised - texts):
        yield f"exceptions: {key} is raised and has no text"
    known = strings()
    for key in sorted(texts):
        bare = next((key.removeprefix(p) for p in PREFIXES if key.startswith(p)), key)
        # Some are put together: not_of_this_pbx_ and trunk.
        start, underscore, _ = bare.rpartition("_")
        if not {key, bare, start + underscore or bare} & known:
            yield f"en.json: exceptions.{key} is not used by the code"


def entities() -> Iterator[str]:
    """Check that each entity of the code has a name and an icon, and no other has."""
    texts, icons = english()["entity"], read_json(INTEGRATION / "icons.json")["entity"]
    for platform in sorted({"binary_sensor", "event", "sensor", "switch"}):
        named = set(texts.get(platform, ()))
        for key in sorted(set(entity_keys(trees()[f"{platform}.py"])) - named):
            yield f"en.json: {platform} {key} has no name"
        for key in sorted(named - strings(f"{platform}.py")):
            yield f"en.json: {platform} {key} is not used by the code"
        if "PARALLEL_UPDATES" not in assigned(trees()[f"{platform}.py"]):
            yield f"{platform}.py: PARALLEL_UPDATES is to be set"
        shown = set(icons.get(platform, ()))
        for key in sorted(shown - named):
            yield f"icons.json: there is no {platform} {key}"
        # What these show, they show by their device class.
        if platform != "binary_sensor":
            for key in sorted(named - shown):
                yield f"icons.json: {platform} {key} has no icon"


def assigned(tree: ast.Module) -> set[str]:
    """Return the names that a module gives values to."""
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def entity_keys(tree: ast.Module) -> Iterator[str]:
    """Yield the translation keys of a platform's entities; each class names its own."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=ast.Constant(value=str(key))) if any(
                isinstance(target, ast.Name) and target.id == "_attr_translation_key"
                for target in targets
            ):
                yield key


def offers() -> Iterator[str]:
    """Check actions, triggers and conditions: fields, texts and icons."""
    texts, icons = english(), read_json(INTEGRATION / "icons.json")
    code = {
        "services": "services.py",
        "triggers": "trigger.py",
        "conditions": "condition.py",
    }
    for kind, module in code.items():
        file = f"{kind}.yaml"
        offered = {
            name: one or {}
            for name, one in read_yaml(INTEGRATION / file).items()
            if not name.startswith(".")
        }
        yield from differences(kind, file, offered, "en.json", texts[kind])
        yield from differences(kind, file, offered, "icons.json", icons[kind])
        for name, one in offered.items():
            if name not in strings(module):
                yield f"{file}: {module} does not know {name}"
            text = texts[kind].get(name, {})
            if not text.get("name") or not text.get("description"):
                yield f"en.json: {kind}.{name} lacks a name or a description"
            fields = one.get("fields") or {}
            yield from differences(
                f"{kind}.{name}: field",
                file,
                fields,
                "en.json",
                text.get("fields", {}),
            )
            for key, field in fields.items():
                words = text.get("fields", {}).get(key, {})
                # Fields that Home Assistant has in all its triggers explain themselves.
                explained = kind != "services" or words.get("description")
                if not words.get("name") or not explained:
                    yield f"en.json: {kind}.{name}: {key} lacks name or description"
                yield from choices(file, field, texts["selector"])


def choices(file: str, field: Json, texts: Json) -> Iterator[str]:
    """Check that what can be chosen in a field has texts."""
    select = (field.get("selector") or {}).get("select") or {}
    options = {
        str(one["value"] if isinstance(one, dict) else one)
        for one in select.get("options", ())
    }
    if key := select.get("translation_key"):
        there = set(texts.get(key, {}).get("options", ()))
        for option in sorted(options - there):
            yield f"{file}: {option} of {key} has no text"


def quality_scale() -> Iterator[str]:
    """Check that each rule is there, met or exempt, and that what proves it exists."""
    rules = read_yaml(INTEGRATION / "quality_scale.yaml")["rules"]
    core = find_spec("homeassistant.components")
    if core is None or not core.submodule_search_locations:
        yield "Home Assistant is not installed, so its rules are not known"
        return
    # As one of its own integrations lists them: it is checked there.
    folder = Path(core.submodule_search_locations[0])
    theirs = read_yaml(folder / "shelly/quality_scale.yaml")["rules"]
    yield from differences("rule", "quality_scale.yaml", rules, "core", theirs)
    for name, rule in rules.items():
        if not isinstance(rule, dict) or rule.get("status") not in {"done", "exempt"}:
            yield f"quality_scale.yaml: {name} is to be done or exempt"
            continue
        comment = str(rule.get("comment", ""))
        if len(comment) <= 8:
            yield f"quality_scale.yaml: {name} lacks what proves it, or a reason"
        for file, headings in PROOF.findall(comment):
            found = [
                place for place in (ROOT / file, INTEGRATION / file) if place.exists()
            ]
            if not found:
                yield f"quality_scale.yaml: {name}: there is no {file}"
                continue
            for heading in re.findall(r'"([^"]+)"', headings):
                if heading not in headings_of(found[0]):
                    yield f"quality_scale.yaml: {name}: {file} has no {heading!r}"


def headings_of(page: Path) -> list[str]:
    """Return the headings of a page."""
    return re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)


def links() -> Iterator[str]:
    """Check that every link and picture of the documentation leads somewhere."""
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]):
        for target, anchor in LINK.findall(page.read_text()):
            there = (page.parent / target).resolve() if target else page
            if not there.exists():
                yield f"{page.name}: {target} is not there"
            elif anchor and anchor[1:] not in {
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                for heading in headings_of(there)
            }:
                yield f"{page.name}: {target} has no {anchor}"


CHECKS = (
    manifest,
    versions,
    hacs,
    brand,
    translations,
    flows,
    exceptions,
    entities,
    offers,
    quality_scale,
    links,
)


def main() -> int:
    """Check all; return how the program ends."""
    broken = 0
    for check in CHECKS:
        try:
            for problem in check():
                print(problem)
                broken += 1
        except (KeyError, TypeError, ValueError, OSError, yaml.YAMLError) as error:
            print(f"{check.__name__}: cannot be read: {error!r}")
            broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
