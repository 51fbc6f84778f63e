# mypy: ignore-errors
"""The change of an update, made in a clone without running any of it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.base.stop import ActionRequired
from tools.update.git import ALONE, environment, git, git_bytes, run, settings
from tools.update.lock import lock
from tools.update.patch import Changed, changed, check

ANSWERS = ".copier-answers.yml"
COPIER = Path(__file__).with_name("guarded_copier.py")
TOKEN = "TEMPLATE_READ_TOKEN"
"""The variable with a token that can read a private template."""
PATCH = ("--binary", "--full-index", "--no-renames")
NOBODY = {
    f"GIT_{role}_{what}": "template-update"
    for role in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
"""The author of commits in Copier's temporary repositories."""
FOR_PRIVATE = (
    f"If it is private, create a fine-grained token that can read its Contents, and add it as the "
    f"secret {TOKEN} of this project's repository (settings/secrets/actions)"
)
HELPER = f'!f() {{ echo username=x-access-token; echo "password=${TOKEN}"; }}; f'


@dataclass(frozen=True)
class Update:
    """The description of an update."""

    address: str
    """The template's address."""
    before: str
    after: str
    """The release."""
    conflicts: list[str]
    """The files with conflicts."""
    locked: bool
    """Whether uv.lock is up to date."""
    changelog: str


@dataclass(frozen=True)
class Change:
    """An update, and its change to the commit that is checked out."""

    update: Update
    patch: bytes
    files: list[Changed]
    entries: list[str]
    """The files in conflict, as `git ls-files --unmerged` lists them."""
    blobs: list[bytes]
    """The contents of their versions."""


def answer(root: Path, name: str) -> str:
    """A value of Copier's own in .copier-answers.yml.

    Raises:
        ActionRequired: the value is missing.
    """
    text = (root / ANSWERS).read_text(encoding="utf-8") if (root / ANSWERS).exists() else ""
    found = re.search(rf"^{name}: *(['\"]?)(.+?)\1 *$", text, re.MULTILINE)
    if not found:
        what = f"{ANSWERS} has no {name}" if text else f"{ANSWERS} is missing"
        raise ActionRequired(
            f"{what}, so it is unknown which template this project is from. To fix that: "
            "docs/moving.md in the template's repository"
        )
    return found[2]


def full_address(address: str) -> str:
    """The full address of a template, without Copier's short forms."""
    for short, host in (("gh:", "https://github.com/"), ("gl:", "https://gitlab.com/")):
        if address.startswith(short):
            return host + address.removeprefix(short).strip("/").removesuffix(".git") + ".git"
    return address.removeprefix("git+")


def fetch(root: Path, address: str, mirror: Path, ask: bool) -> None:
    """Clone the template, with all its releases; git may ask for a password only with `ask`.

    Raises:
        ActionRequired: that failed, with git's message.
    """
    token, options = os.environ.pop(TOKEN, ""), []
    ssh = re.match(r"(?:ssh://)?git@([^:/]+)[:/]", address)
    if token and (host := ssh or re.match(r"https://([^/@]+)/", address)):
        https = f"https://{host[1]}/"
        options += ["-c", f"credential.{https}.helper={HELPER}"]
        options += ["-c", f"url.{https}.insteadOf={ssh[0]}"] if ssh else []
    command = (*options, "clone", "--quiet", "--bare", "--", address, str(mirror))
    quiet = {} if ask else {"GIT_TERMINAL_PROMPT": "0"}
    done = run(root, *command, env=quiet | ({TOKEN: token} if token else {}))
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        text = f"The template at {address} cannot be read. {said}"
        raise ActionRequired(text if ask else f"{text}. {FOR_PRIVATE}")


def make(root: Path, folder: Path, ask: bool, relock: bool) -> Change | None:
    """Make the update of the commit that is checked out in `root`, without changing `root`.

    With `ask`, a person answers new questions; with `relock`, uv.lock is updated. Returns None if
    there is no newer release.

    Raises:
        ActionRequired: the update failed or is not allowed.
    """
    before, address = answer(root, "_commit"), full_address(answer(root, "_src_path"))
    mirror, clone = folder / "template.git", folder / "project"
    fetch(root, address, mirror, ask)
    top = git(root, "rev-parse", "--show-toplevel")
    git(folder, "clone", "--quiet", "--no-tags", top, str(clone), env=ALONE)
    project = clone / git(root, "rev-parse", "--show-prefix")
    here = settings({f"url.file://{mirror}.insteadOf": address, "safe.directory": "*"})
    env = environment(**(ALONE | here), **NOBODY, COPIER_CACHE_DIR=str(folder / "cache"))
    looked = copier(project, env, "check-update", "--output-format", "json")
    if not json.loads(looked)["update_available"]:
        return None
    options = ["--quiet", "--skip-answered", "--answers-file", ANSWERS]
    copier(project, env, "update", *options, *([] if ask else ["--defaults"]), ask=ask)
    after = answer(project, "_commit")

    unmerged = git(clone, "ls-files", "--unmerged", "-z", env=ALONE)
    entries = [entry for entry in unmerged.split("\0") if entry]
    conflicts = sorted({entry.split("\t")[1] for entry in entries})
    cached = ("--cached", "HEAD")
    git(clone, "add", "--all", env=ALONE)
    check(changed(project, "--relative", *cached, env=ALONE))
    relock = relock and "pyproject.toml" not in conflicts and (project / "uv.lock").exists()
    locked = not relock or lock(project, folder / "locked")
    git(clone, "add", "--all", env=ALONE)
    return Change(
        Update(address, before, after, conflicts, locked, changelog(mirror, before, after)),
        patch=git_bytes(project, "diff", "--relative", *PATCH, *cached, env=ALONE),
        files=changed(project, "--relative", *cached, env=ALONE),
        entries=entries,
        blobs=[
            git_bytes(clone, "cat-file", "blob", each.split()[1], env=ALONE) for each in entries
        ],
    )


def copier(project: Path, env: dict[str, str], *arguments: str, ask: bool = False) -> str:
    """Run Copier in a clone of the project, and return its output; with `ask`, interactively.

    Raises:
        ActionRequired: it failed, with its message.
    """
    command = [sys.executable, "-I", str(COPIER), *arguments]
    pipe = None if ask else subprocess.PIPE
    given = None if ask else subprocess.DEVNULL
    done = subprocess.run(
        command, cwd=project, env=env, stdin=given, stdout=pipe, stderr=pipe, text=True, check=False
    )
    if done.returncode != 0:
        raise ActionRequired(f"copier {arguments[0]}: {(done.stderr or 'see above').strip()}")
    return done.stdout or ""


def changelog(mirror: Path, before: str, after: str) -> str:
    """The sections of CHANGELOG.md after one release up to another; empty if there are none."""
    done = run(mirror, "show", f"{after}:CHANGELOG.md", env=ALONE)
    sections = re.split(r"^(?=## )", done.stdout.decode(errors="replace"), flags=re.MULTILINE)[1:]
    # A version between two releases, such as v1.0.0-2-gabc1234, has no heading of its own.
    known = re.sub(r"-\d+-g[0-9a-f]+$", "", before)
    headings = [section.split()[1] for section in sections]
    end = headings.index(known) if known in headings else len(sections)
    # Relative links lead to the template's documents, which a project lacks.
    return re.sub(r"\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", "".join(sections[:end])).strip()
