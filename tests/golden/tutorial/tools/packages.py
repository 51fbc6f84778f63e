# mypy: ignore-errors
"""The locked packages of a run, which a build step of prefect.yaml puts into `pip_packages`."""

import json
import sys
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

from tools.base import process

EXPORT = ("export", "--locked", "--no-default-groups", "--no-emit-local", "--no-hashes")
LINUX = {
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_system": "Linux",
    "sys_platform": "linux",
}


def packages(root: Path) -> int:
    """Print the locked packages from the index, for a Linux container, as JSON.

    The pull step installs the rest: packages from git, a URL, a path or another index than
    Prefect's.
    """
    done = process.run(process.uv(root), *EXPORT, "--no-annotate", "--no-header", cwd=root)
    if done.returncode != 0:
        print(process.last_error(done), file=sys.stderr)
        return 1
    lock = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    registries = {each["name"]: each["source"].get("registry") for each in lock}
    environment = {name: str(value) for name, value in default_environment().items()} | LINUX
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("-")]
    found = [
        line.partition(";")[0].strip()
        for line, each in zip(lines, map(Requirement, lines), strict=True)
        if not each.url
        and registries[each.name] == registries["prefect"]
        and (not each.marker or each.marker.evaluate(environment))
    ]
    print(json.dumps({"packages": found}))
    return 0
