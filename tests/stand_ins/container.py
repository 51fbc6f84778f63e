"""A stand-in for a fresh Modal container: a Python under one prefix, and nothing else."""

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.base.container import Container as RehearsedContainer

from tests.support.environment import clean_environment

Done = subprocess.CompletedProcess[str]

DEFAULT_IMAGE = "docker.io/prefecthq/prefect:3-python3.12"
"""A work pool's default image: the newest Prefect, which has only one Python."""

FACTS = """
import json, sys, sysconfig
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "executable": sys._base_executable,
    "stdlib": sysconfig.get_path("stdlib"),
    "platlib": sysconfig.get_config_var("platlibdir") or "lib",
}))
"""


def image_tag(job_variables: dict[str, Any]) -> str:
    """The image of a run."""
    return str(job_variables.get("image", {}).get("tag") or DEFAULT_IMAGE)


def contents(tag: str) -> tuple[str, str]:
    """The versions of an image of Prefect's: Prefect's as a requirement, and Python's.

    Raises:
        ValueError: there is no such image.
    """
    found = re.fullmatch(r"docker\.io/prefecthq/prefect:(\d+(?:\.\d+)*)-python(3\.\d+)", tag)
    if not found:
        raise ValueError(f"there is no image {tag!r}")
    version, python = found.groups()
    return f"prefect=={version}" + ("" if version.count(".") == 2 else ".*"), python


def build_image(prefix: Path, interpreter: str, packages: list[str], compiled: bool = True) -> Path:
    """Copy a CPython installation to `prefix`, like an image's /usr/local, and add packages.

    Args:
        prefix: where the image's Python goes; its `bin` comes first on the container's path.
        interpreter: the Python to copy; what is installed in it stays behind.
        packages: requirements, pip and uv among them, as in Modal's own image.
        compiled: whether all of them have bytecode; else each gets it when it is first used.

    Like the official images of Python, this one has no bytecode of the standard library.

    Raises:
        subprocess.CalledProcessError: the copy does not run.
        RuntimeError: a package cannot be installed.
    """
    facts = json.loads(subprocess.check_output([interpreter, "-c", FACTS], text=True))
    version = facts["version"]
    left = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "tests", "idlelib", "__pycache__",
        "EXTERNALLY-MANAGED", "config-*",
    )  # fmt: skip
    library = prefix / facts["platlib"] / f"python{version}"
    shutil.copytree(Path(facts["stdlib"]), library, ignore=left)
    (library / "site-packages").mkdir(exist_ok=True)
    (prefix / "bin").mkdir()
    python = prefix / "bin" / f"python{version}"
    shutil.copy2(Path(facts["executable"]).resolve(), python)
    for name in ("python", "python3"):
        (prefix / "bin" / name).symlink_to(python.name)
    (prefix / "tools").mkdir()
    for tool in ("sh", "git", "env", "ldd", "uname"):
        (prefix / "tools" / tool).symlink_to(shutil.which(tool) or tool)
    install(prefix, packages, compiled)
    # pip's script names the folder that it was installed to, but images are copied.
    for script in prefix.glob("**/bin/pip*"):
        script.unlink()
    pip = prefix / "bin/pip"
    pip.write_text('#!/bin/sh\nexec "${0%/*}/python" -m pip "$@"\n')
    pip.chmod(0o755)
    return prefix


def copy_image(source: Path, prefix: Path) -> Path:
    """A copy that shares files with the original, because installers never edit files in place."""
    return shutil.copytree(source, prefix, symlinks=True, copy_function=os.link)


def install(prefix: Path, packages: list[str], compiled: bool = True) -> None:
    """Install requirements into an image, from the cache of this machine.

    Raises:
        RuntimeError: uv failed, with its message.
    """
    command = ["uv", "pip", "install", "--quiet", "--python", str(prefix / "bin/python")]
    command += ["--compile-bytecode"] if compiled else []
    command += packages
    done = subprocess.run(
        command, check=False, env=clean_environment(), stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise RuntimeError(f"uv could not install {packages}:\n{done.stderr}")


@dataclass
class Container(RehearsedContainer):
    """One start of an image: an empty home, no cache, and an environment that holds nothing else.

    `make rehearse` starts its own in the same way; here, nothing comes from this machine.
    """

    def __post_init__(self) -> None:
        # Debian's own Python puts scripts under local/.
        self.path = (str(self.prefix / "local/bin"), str(self.prefix / "tools"))

    def execute_script(self, script: str, folder: Path, job_variables: dict[str, Any]) -> Done:
        """Run the script of a `run_shell_script` step as that does: one command, without a shell."""
        return self.run(*shlex.split(script), cwd=folder, given=job_variables)
