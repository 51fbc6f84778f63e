# mypy: ignore-errors
"""The commands: `make update`, and the two jobs of the weekly workflow."""

import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tools.base.stop import ActionRequired
from tools.update.change import Change, answer, make
from tools.update.git import git, run
from tools.update.offer import offer
from tools.update.text import for_terminal, printable


def merge(root: Path) -> int:
    """Merge the newest release into the files here, and return the exit code."""
    if run(root, "rev-parse", "--git-dir").returncode != 0:
        raise ActionRequired(
            "This folder is not a git repository, which an update needs. Clone your project, "
            "or: git init, git add --all, git commit"
        )
    if git(root, "status", "--porcelain"):
        raise ActionRequired("Commit or stash your changes first: git status")
    with tempfile.TemporaryDirectory() as folder:
        change = make(root, Path(folder), ask=sys.stdin.isatty(), relock=False)
    if change is None:
        print(f"Nothing to do: {answer(root, '_commit')} is the newest release of the template.")
        return 0
    git(root, "apply", "--whitespace=nowarn", given=change.patch)
    mark_conflicts(root, change)
    print(for_terminal(change.update, change.files))
    if not (conflicts := change.update.conflicts):
        print("\nReview it (git status, git diff), run make setup lint check test, and commit.")
        return 0
    print("\nYour changes conflict with the template's in these files:")
    for name in conflicts:
        print(f"  {printable(name)}")
    print(
        "Keep the right lines between <<<<<<< and >>>>>>>, then: git add FILE\n"
        "To take the template's version instead: git checkout --theirs FILE"
    )
    return 1


def mark_conflicts(root: Path, change: Change) -> None:
    """Mark the conflicts in git's index, as after a merge."""
    for blob in change.blobs:
        git(root, "hash-object", "-w", "--stdin", given=blob)
    forget = [f"0 {'0' * 40}\t{name}" for name in change.update.conflicts]
    lines = "\n".join(forget + change.entries)
    git(root, "update-index", "--index-info", given=os.fsencode(lines))


def prepare(root: Path, folder: Path) -> int:
    """Write the newest release to a folder for `offer`, as a patch and a description."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        change = make(root, Path(temporary), ask=False, relock=True)
    if change is None:
        print(f"{answer(root, '_commit')} is the newest release of the template.")
    else:
        (folder / "update.patch").write_bytes(change.patch)
    facts = asdict(change.update) if change else {}
    (folder / "update.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
    return 0


def main(command: str, *arguments: str) -> int:
    # The running process must not import files of the update.
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != Path.cwd()]
    root = Path(__file__).resolve().parents[2]
    try:
        match command, arguments:
            case "merge", ():
                return merge(root)
            case "prepare", (folder,):
                return prepare(root, Path(folder))
            case "offer", (folder,):
                offer(root, Path(folder))
                return 0
    except ActionRequired as error:
        text = printable(str(error))
        if "GITHUB_ACTIONS" in os.environ:
            text = "::error::" + text.replace("%", "%25").replace("\n", "%0A")
        print(text, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run it again.", file=sys.stderr)
        return 130
    raise SystemExit(f"Unknown command: {command}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
