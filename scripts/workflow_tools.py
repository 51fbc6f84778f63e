"""Write the versions that workflows and images install: requirements.txt and modal_app.py's uv."""

import re
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from packaging.utils import parse_wheel_filename

from tests.support.environment import clean_environment
from tests.support.pins import PINS
from tests.support.questionnaire import choices
from tests.support.repository import ROOT

FILE = ROOT / "template/tools/requirements.txt"
APP = ROOT / "template/modal_app.py.jinja"
TOOLS = ("copier", "uv")
PLATFORM = re.compile(r"any|manylinux.*_(x86_64|aarch64)")
"""Platforms of workflows: GitHub's runners have one, other runners may have the other."""
PYPROJECT = """
[project]
name = "workflow-tools"
version = "0"
requires-python = ">=3.11"
dependencies = {tools}
[tool.uv]
constraint-dependencies = {pins}
environments = ["sys_platform == 'linux'"]
"""


def lock() -> list[dict[str, Any]]:
    """The packages that the tools need on Linux, locked by uv."""
    with tempfile.TemporaryDirectory() as folder:
        pins = [f"{name}=={version}" for name, version in PINS.items()]
        text = PYPROJECT.format(tools=list(TOOLS), pins=pins)
        Path(folder, "pyproject.toml").write_text(text)
        subprocess.run(["uv", "lock", "--quiet"], cwd=folder, env=clean_environment(), check=True)
        locked = tomllib.loads(Path(folder, "uv.lock").read_text())
    return [package for package in locked["package"] if "wheels" in package]


def fits(wheel: str) -> bool:
    """Whether a wheel is for Linux and a supported, not free-threaded Python."""
    pythons = {"py3", *(f"cp{version.replace('.', '')}" for version in choices("python_version"))}
    *_, tags = parse_wheel_filename(unquote(wheel.rpartition("/")[2]))
    return any(
        tag.interpreter in pythons and PLATFORM.fullmatch(tag.platform) and tag.abi[-1] != "t"
        for tag in tags
    )


def requirements() -> str:
    lines = ["# The tools of the workflows. Updates of the template bring newer versions."]
    for package in lock():
        hashes = [wheel["hash"] for wheel in package["wheels"] if fits(wheel["url"])]
        line = [f"{package['name']}=={package['version']}", *(f"--hash={each}" for each in hashes)]
        lines.append(" \\\n    ".join(line))
    return "\n".join(lines) + "\n"


def in_the_image(text: str) -> str:
    """modal_app.py with the pinned uv that installs the packages of the image."""
    return re.sub(r'(?<=uv_version=")[\d.]+', PINS["uv"], text)


if __name__ == "__main__":
    FILE.write_text(requirements())
    APP.write_text(in_the_image(APP.read_text()))
