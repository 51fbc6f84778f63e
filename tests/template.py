"""The template as its users get it, and what the tests do with it."""

import os
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = {"repo_url": "https://github.com/Ben-Epstein/prefect-modal"}
URL = "https://example.com/copier-prefect-modal.git"
"""Where `published` makes the template available: a reserved domain, so it is nobody's."""

AS_RENOVATE = [
    "--skip-answered", "--defaults", "--answers-file", ".copier-answers.yml", "--vcs-ref",
]  # fmt: skip
"""How Renovate calls `copier update`; the new version follows. tests/renovate looks it up."""


def files() -> list[Path]:
    """The files of this repository, committed or about to be, relative to its top."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()]


def export(folder: Path) -> Path:
    """Copy this repository's files to `folder`, without git."""
    for file in files():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file)
    return folder


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without the user's own settings of Copier, git, Prefect, Python and uv."""
    ours = (
        "COPIER_",
        "GH_",
        "GIT_",
        "GITHUB_",
        "MAKE",
        "MFLAGS",
        "MODAL_",
        "PREFECT_",
        "UV_",
        "VIRTUAL_ENV",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept["PATH"] = f"{ROOT / '.venv/bin'}{os.pathsep}{kept['PATH']}"
    kept |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    kept |= {"COPIER_SETTINGS_PATH": str(ROOT / "tests/no_settings.yml")}
    return kept | extra


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder`, at a fixed time and as a fixed person, and return what it prints."""
    environment = clean_environment(
        GIT_AUTHOR_NAME="Test",
        GIT_AUTHOR_EMAIL="test@example.com",
        GIT_AUTHOR_DATE="2026-01-01T00:00:00Z",
        GIT_COMMITTER_NAME="Test",
        GIT_COMMITTER_EMAIL="test@example.com",
        GIT_COMMITTER_DATE="2026-01-01T00:00:00Z",
    )
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, tag: str | None = None) -> None:
    """Commit all of `folder`, which becomes a repository if it is none, and tag it."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", tag or "work")
    if tag:
        git(folder, "tag", tag)


def published(folder: Path, **extra: str) -> dict[str, str]:
    """An environment in which git finds the repository in `folder` at `URL`.

    Only the network is replaced: git's own `insteadOf` does it, and Copier gets
    the address as a user would type it. What Copier caches of it stays beside it.
    """
    return clean_environment(
        COPIER_CACHE_DIR=f"{folder}.cache",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.file://{folder}.insteadOf",
        GIT_CONFIG_VALUE_0=URL,
        **extra,
    )


def copier(
    *arguments: str,
    env: dict[str, str],
    cwd: Path | None = None,
    command: Path = ROOT / ".venv/bin/copier",
) -> subprocess.CompletedProcess[str]:
    """Run Copier's real command, as a user would, without `--trust`."""
    return subprocess.run(
        [str(command), *arguments],
        check=False,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def data(answers: dict[str, object]) -> list[str]:
    """The answers as `--data` options."""
    return [word for name, value in answers.items() for word in ("--data", f"{name}={value}")]


def questionnaire() -> dict[str, object]:
    """copier.yml, read."""
    return yaml.safe_load((ROOT / "copier.yml").read_text())


def questions(asked: bool) -> dict[str, dict]:
    """The questions that are asked, or those that are derived."""
    return {
        name: details
        for name, details in questionnaire().items()
        if not name.startswith("_") and (details.get("when", True) is not False) is asked
    }


def answers(project: Path) -> dict[str, object]:
    """The answers that a project holds."""
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: value for name, value in stored.items() if not name.startswith("_")}


def tree(folder: Path) -> dict[str, bytes]:
    """The contents of every file in `folder`, by path, but for git's."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
