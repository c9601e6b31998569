"""Run programs, and have those of Debian packages without installing them.

Runs on any Python 3.9 or newer.
"""

from contextlib import suppress
from pathlib import Path
import re
import shutil
import subprocess

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def run(*command, timeout=900, **options):
    """Run a command, return what it printed; show that only if it failed.

    Raises RuntimeError with the end of the output if it ended with an error.
    """
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout,
        check=False,
        **options,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-4000:]}")
    return done.stdout


def testing():
    """Return the apt source of Debian's testing suite, on this machine's mirror."""
    return [f"{_archive('/debian')} testing main"]


def own_release():
    """Return the apt sources of the Debian release that this machine runs."""
    system = Path("/etc/os-release").read_text()
    name = re.search(r"^VERSION_CODENAME=\"?(\w+)", system, re.MULTILINE)
    if name is None:
        raise RuntimeError("this machine's Debian release has no name")
    sources = [f"{_archive('/debian')} {name[1]} main"]
    # Browsers are renewed there between the point releases.
    with suppress(RuntimeError):
        sources.append(f"{_archive('/debian-security')} {name[1]}-security main")
    return sources


def unpack(packages, sources, into, only_missing=False):
    """Unpack Debian packages with what they depend on into `into`/root; return it.

    The system stays untouched: apt works on a state of its own, and the packages
    are unpacked, not installed. Signatures are checked with the keyring that the
    machine came with. With `only_missing`, what the system has installed is not
    fetched; otherwise the result stands by itself.
    """
    if shutil.which("apt-get") is None or not KEYRING.exists():
        raise RuntimeError("this machine has no apt with Debian's keyring")
    apt = into / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    status = apt / "state/status"
    # A copy, because apt locks the folder in which it is.
    system_status = Path("/var/lib/dpkg/status")
    status.write_bytes(system_status.read_bytes() if only_missing else b"")
    (apt / "sources.list").write_text(
        "".join(f"deb [signed-by={KEYRING}] {source}\n" for source in sources)
    )
    options = [
        "-o", f"Dir::State={apt / 'state'}",
        "-o", f"Dir::State::status={status}",
        "-o", f"Dir::Cache={apt / 'cache'}",
        "-o", f"Dir::Etc::sourcelist={apt / 'sources.list'}",
        "-o", "Dir::Etc::sourceparts=/dev/null",
        "-o", "APT::Install-Recommends=false",
        "-o", "APT::Sandbox::User=root",
        "-o", "Acquire::Retries=2",
    ]  # fmt: skip
    run("apt-get", *options, "update")
    run("apt-get", *options, "--yes", "install", "--download-only", *packages)
    root = into / "root"
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        run("dpkg", "-x", package, root)
    shutil.rmtree(apt)
    return root


def _archive(ending):
    """Return the address of an archive that this machine's apt is set up with."""
    sources = [Path("/etc/apt/sources.list")]
    sources += sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))
    sources += sorted(Path("/etc/apt/sources.list.d").glob("*.list"))
    for source in sources:
        text = source.read_text() if source.exists() else ""
        pattern = r"^URIs:\s*(\S+)|^deb\s+(?:\[[^]]*\]\s*)?(\S+)"
        for match in re.finditer(pattern, text, re.MULTILINE):
            address = (match[1] or match[2]).rstrip("/")
            # Ubuntu's archives end otherwise.
            if address.endswith(ending):
                return address
    raise RuntimeError("no Debian mirror in this machine's apt sources")
