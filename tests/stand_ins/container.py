"""A fresh Modal container, as far as it matters here: a Python under one prefix, and nothing else."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.environment import clean_environment

Done = subprocess.CompletedProcess[str]

DEFAULT_IMAGE = "docker.io/prefecthq/prefect:3-python3.12"
"""What a work pool takes if no image is named: the newest Prefect, which has one Python only."""

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
    """The image that a run is started in."""
    return str(job_variables.get("image", {}).get("tag") or DEFAULT_IMAGE)


def contents(tag: str) -> tuple[str, str]:
    """The version of Prefect in an image of Prefect's own, as a requirement, and that of Python.

    Raises:
        ValueError: there is no such image.
    """
    found = re.fullmatch(r"docker\.io/prefecthq/prefect:(\d+(?:\.\d+)*)-python(3\.\d+)", tag)
    if not found:
        raise ValueError(f"there is no image {tag!r}")
    version, python = found.groups()
    return f"prefect=={version}" + ("" if version.count(".") == 2 else ".*"), python


def build_image(prefix: Path, interpreter: str, packages: list[str], compiled: bool = True) -> Path:
    """Copy a CPython installation to `prefix`, as an image has it under /usr/local, and add packages.

    Args:
        prefix: where the image's Python goes; its `bin` comes first on the container's path.
        interpreter: the Python to copy; what is installed in it stays behind.
        packages: requirements, pip and uv among them, as in Modal's own image.
        compiled: whether all of them have bytecode; else each gets it when it is first used.

    Like the official images of Python, this one has no bytecode of the standard library.

    Raises:
        subprocess.CalledProcessError: the copy does not run.
        RuntimeError: a package cannot be had.
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
    # The script that comes with pip names the folder that it was installed to; images are copied.
    for script in prefix.glob("**/bin/pip*"):
        script.unlink()
    pip = prefix / "bin/pip"
    pip.write_text('#!/bin/sh\nexec "${0%/*}/python" -m pip "$@"\n')
    pip.chmod(0o755)
    return prefix


def copy_image(source: Path, prefix: Path) -> Path:
    """A copy that shares its files with the original; installers replace files, and never edit them."""
    return shutil.copytree(source, prefix, symlinks=True, copy_function=os.link)


def install(prefix: Path, packages: list[str], compiled: bool = True) -> None:
    """Install requirements into an image, from the cache of whoever runs the tests.

    Raises:
        RuntimeError: uv could not, with its own words.
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
class Container:
    """One start of an image: an empty home, no cache, and an environment that holds nothing else.

    It is killed after its job variable `timeout`.
    """

    prefix: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    second: float = 1.0
    """How long a second of `timeout` takes."""

    def execute(self, flow_run_id: str, job_variables: dict[str, Any]) -> Done:
        """Start a flow run as Modal starts it; its exit code says nothing about the run."""
        (work := self.home / "work").mkdir(parents=True)
        command = [str(self.prefix / "bin/python"), "-m", "prefect", "flow-run", "execute"]
        return self._start(command, work, job_variables, PREFECT__FLOW_RUN_ID=flow_run_id)

    def execute_script(self, script: str, folder: Path, job_variables: dict[str, Any]) -> Done:
        """Run the script of a `run_shell_script` step as that does: one command, without a shell."""
        return self._start(shlex.split(script), folder, job_variables)

    def _start(
        self, command: list[str], folder: Path, job_variables: dict[str, Any], **extra: str
    ) -> Done:
        kept = ("SSL_CERT_FILE", "LANG", "LC_ALL", "http_proxy", "https_proxy", "no_proxy")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            # Debian's own Python puts scripts under local/.
            "PATH": ":".join(str(self.prefix / name) for name in ("bin", "local/bin", "tools")),
        }
        # In the tutorial's container the Python is under /usr/local; here it is under the prefix.
        env = job_variables.get("env", {})
        environment |= {n: str(self.prefix) if v == "/usr/local" else v for n, v in env.items()}
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment | self.environment | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=job_variables["timeout"] * self.second)
        except subprocess.TimeoutExpired:
            self._kill()
            output, _ = process.communicate()
        return Done(command, process.returncode, output)

    def _kill(self) -> None:
        """Kill every process in it; Prefect gives that of the flow a session of its own."""
        home = f"HOME={self.home}\0".encode()
        for _ in range(3):  # One may just have started another.
            for environment in Path("/proc").glob("[0-9]*/environ"):
                with contextlib.suppress(OSError):
                    if home in environment.read_bytes():
                        os.kill(int(environment.parent.name), signal.SIGKILL)
