"""The project's repository: containers must clone what is here."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from tools.base.git import advice
from tools.base.project import Project
from tools.base.stop import ActionRequired, CheckSkipped
from tools.checks.commit import check_commit, fix_commit
from tools.checks.repository import check_remote, fix_remote

from tests.conftest import Renderer
from tests.support.changes import append, edit
from tests.support.git import commit, git
from tests.support.repository import tree
from tests.tools.conftest import findings, problems

GITHUB = "https://github.com/Ben-Epstein/prefect-modal"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty repository on GitHub."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(tmp_path / "bare"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path / 'bare'}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", GITHUB)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.com")
    return tmp_path / "bare"


@pytest.fixture
def connected(project: Project, bare: Path) -> Project:
    """A committed and pushed project."""
    (project.root / "uv.lock").touch()
    fix_remote(project)
    fix_commit(project)
    assert problems(check_remote, project) == []
    assert problems(check_commit, project) == []
    return project


@pytest.fixture
def following(connected: Project) -> Project:
    """A project whose runs execute the newest commit of the branch."""
    edit(connected.root / "prefect.yaml", r"^ +git checkout .*\n", "")
    commit(connected.root)
    connected.git("push")
    project = Project(connected.root)
    assert problems(check_commit, project) == []
    return project


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


def test_a_new_project_is_committed_and_pushed(connected: Project, bare: Path) -> None:
    assert git(bare, "rev-parse", "main") == head(connected.root)
    assert git(connected.root, "log", "--format=%s") == "Start from the template"


def test_a_lock_file_that_is_new_is_committed_alone(connected: Project, bare: Path) -> None:
    git(connected.root, "rm", "--quiet", "--cached", "uv.lock")
    git(connected.root, "commit", "--quiet", "--message", "Forget it")
    (connected.root / "README.md").write_text("mine\n")
    assert problems(check_commit, connected) == [
        "failed: uv.lock is not committed, but containers install from it. make bootstrap"
    ]
    fix_commit(connected)
    assert git(connected.root, "show", "--format=%s", "--name-only").split("\n") == [
        "Lock what containers install", "", "uv.lock",
    ]  # fmt: skip
    assert git(bare, "rev-parse", "main") == head(connected.root)


def test_a_change_that_is_not_committed_is_named_and_left(connected: Project) -> None:
    edit(connected.root / "prefect.yaml", "paused: false", "paused: true")
    expected = ["failed: uncommitted changes in prefect.yaml. commit and push"]
    assert problems(check_commit, connected) == expected
    before = head(connected.root)
    fix_commit(connected)
    assert head(connected.root) == before
    assert problems(check_commit, connected) == expected


def test_many_changes_are_one_row(connected: Project) -> None:
    for name in (".gitignore", "Makefile", "README.md", "prefect.yaml"):
        (connected.root / name).write_text("mine\n")
    for name in ("one", "two"):
        (connected.root / f"src/{name}.py").touch()
    assert problems(check_commit, connected) == [
        "failed: uncommitted changes in .gitignore, Makefile and 2 more files. commit and push",
        "failed: not committed: src/one.py, src/two.py. git add src and commit, or ignore them",
    ]


def test_a_new_file_counts_only_where_a_deploy_is_refused_for_it(connected: Project) -> None:
    (connected.root / "notes.txt").touch()
    assert problems(check_commit, connected) == []
    (connected.root / (more := "src/prefect_modal/more.py")).touch()
    assert problems(check_commit, connected) == [
        f"failed: not committed: {more}. git add {more} and commit, or ignore it"
    ]


@pytest.mark.parametrize(
    ("which", "text"),
    [("following", "the last commit is not pushed to main, which containers clone"),
     ("connected", "the last commit is not on any GitHub branch that this clone knows")],
)  # fmt: skip
def test_a_commit_that_is_not_pushed_is_named_and_pushed(
    request: pytest.FixtureRequest, bare: Path, which: str, text: str
) -> None:
    project: Project = request.getfixturevalue(which)
    git(project.root, "commit", "--quiet", "--allow-empty", "--message", "More")
    assert problems(check_commit, project) == [f"failed: {text}. make bootstrap"]
    fix_commit(project)
    assert git(bare, "rev-parse", "main") == head(project.root)


@pytest.mark.parametrize(("known", "option"), [(True, ""), (False, "--create ")])
def test_another_branch_is_not_pushed(
    project: Project, bare: Path, known: bool, option: str
) -> None:
    git(project.root, "init", "--quiet", "--initial-branch", "main" if known else "master")
    commit(project.root)
    if known:
        git(project.root, "switch", "--quiet", "--create", "master")
    fix_remote(project)
    with pytest.raises(
        ActionRequired,
        match=f"you are on master, but containers clone main\n  git switch {option}main",
    ):
        fix_commit(project)
    assert git(bare, "branch") == ""


def test_what_there_is_no_advice_for_is_left_to_gits_words(connected: Project, bare: Path) -> None:
    bare.rename(bare.with_suffix(".gone"))
    with pytest.raises(CheckSkipped, match=r"^git ls-remote: fatal: .* not appear to be a git rep"):
        fix_commit(connected)


def test_without_a_name_git_cannot_commit(
    project: Project, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "")
    fix_remote(project)
    with pytest.raises(ActionRequired, match=r"git config --global user\.name NAME"):
        fix_commit(project)


@pytest.mark.parametrize(
    "origin",
    ["ssh://git@ssh.github.com:443/Ben-Epstein/prefect-modal.git",
     "git@mine:ben-epstein/prefect-modal", "https://GitHub.com/Ben-Epstein/prefect-modal.git/"],
)  # fmt: skip
def test_the_remote_is_known_in_every_form(
    connected: Project, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user's configuration of ssh.
    (ssh := connected.root.parent / "ssh").write_text(
        '#!/bin/sh\necho "hostname $(echo "$3" | sed s/mine/github.com/)"\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "executable", str(ssh.parent / "python"))
    git(connected.root, "remote", "set-url", "origin", origin)
    assert problems(check_remote, connected) == []


@pytest.mark.parametrize(
    "origin",
    ["git@github.com:acme/other.git", "git@gitlab.com:Ben-Epstein/prefect-modal.git",
     "https://example.com/Ben-Epstein/prefect-modal", "--upload-pack=touch"],
)  # fmt: skip
def test_another_remote_is_named_and_left(connected: Project, origin: str) -> None:
    git(connected.root, "config", "remote.origin.url", origin)
    expected = (
        f"failed: origin is {origin}, not github.com/Ben-Epstein/prefect-modal. "
        f"git remote set-url origin {GITHUB}"
    )
    assert problems(check_remote, connected) == [expected]
    fix_remote(connected)
    assert problems(check_remote, connected) == [expected]


def test_a_password_in_the_remotes_address_is_not_shown(connected: Project) -> None:
    git(connected.root, "remote", "set-url", "origin", "https://me:hunter2@github.com/acme/other")
    (found,) = problems(check_remote, connected)
    assert "origin is https://github.com/acme/other, not" in found


def test_a_missing_remote_is_added(project: Project) -> None:
    assert problems(check_remote, project) == [
        "failed: there is no remote named origin. make bootstrap"
    ]
    fix_remote(project)
    assert git(project.root, "remote", "get-url", "origin") == GITHUB
    assert git(project.root, "symbolic-ref", "--short", "HEAD") == "main"


# Whose it is.


@pytest.mark.parametrize("commits", [0, 1])
def test_the_repository_around_the_project_is_not_touched(
    project: Project, bare: Path, commits: int
) -> None:
    outer = project.root.parent
    git(outer, "init", "--quiet")
    (outer / "private.key").touch()
    if commits:
        git(outer, "commit", "--quiet", "--allow-empty", "--message", "Theirs")
    before = (outer / ".git/config").read_text(), git(outer, "status", "--porcelain")
    (found,) = problems(check_remote, project)
    assert found.startswith(f"failed: this folder is inside another repository, {outer}. git init")
    fix_remote(project)
    assert problems(check_remote, project) == [found]
    assert ((outer / ".git/config").read_text(), git(outer, "status", "--porcelain")) == before
    git(project.root, "init", "--quiet", "--initial-branch", "main")
    fix_remote(project)
    assert problems(check_remote, project) == []


@pytest.mark.parametrize("updates", ["workflow", "renovate"])
def test_the_first_commit_has_what_was_rendered_and_nothing_else(
    bare: Path, render: Renderer, tmp_path: Path, project: Project, updates: str
) -> None:
    address = {"repo_url": GITHUB, "package_name": "prefect_modal"}
    folder = shutil.copytree(render(**address, updates=updates), tmp_path / "rendered")
    rendered = {*tree(folder), "uv.lock"}
    project = Project(folder)
    (folder / "uv.lock").touch()
    for name in ("credentials.json", ".env.local", "src/prefect_modal/flows/orders.py"):
        (folder / name).touch()
    fix_remote(project)
    fix_commit(project)
    assert set(git(folder, "ls-files").splitlines()) == rendered
    orders = "src/prefect_modal/flows/orders.py"
    assert problems(check_commit, project) == [
        f"failed: not committed: {orders}. git add {orders} and commit, or ignore it"
    ]
    commit_file(folder, orders)
    project.git("push")
    (found,) = findings(check_commit, project)
    assert found.text == (
        "everything is committed and pushed, except .env.local, credentials.json "
        "(git add what belongs to it)"
    )


def commit_file(folder: Path, name: str) -> None:
    git(folder, "add", "--force", name)
    git(folder, "commit", "--quiet", "--message", f"Add {name}")


# Ready means that a container would find everything.


def test_a_repository_that_was_made_again_gets_its_commits_again(
    connected: Project, bare: Path
) -> None:
    shutil.rmtree(bare)
    git(bare.parent, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
    assert problems(check_commit, connected) == [
        "failed: the last commit is not pushed to main, which containers clone. make bootstrap"
    ]
    fix_commit(connected)
    assert git(bare, "rev-parse", "main") == head(connected.root)


@pytest.mark.parametrize(
    ("which", "behind"),
    # A pinned commit may have been followed by others; another row says whether it is deployed.
    [("following", ["this clone is behind main on GitHub"]), ("connected", [])],
)
def test_what_somebody_else_has_pushed_is_pulled_and_not_overwritten(
    request: pytest.FixtureRequest, bare: Path, which: str, behind: list[str]
) -> None:
    project: Project = request.getfixturevalue(which)
    other = project.root.parent / "other"
    git(bare.parent, "clone", "--quiet", str(bare), str(other))
    git(other, "commit", "--quiet", "--allow-empty", "--message", "Theirs")
    git(other, "push", "--quiet")
    theirs = head(other)
    advice = "git pull --rebase origin main"
    assert problems(check_commit, project) == [
        f"failed: main on GitHub is at {theirs[:10]}, which this clone does not have. {advice}"
    ]
    fix_commit(project)
    project.git("fetch")
    assert problems(check_commit, project) == [f"failed: {text}. {advice}" for text in behind]
    # Another user has force-pushed.
    git(other, "commit", "--quiet", "--amend", "--allow-empty", "--message", "Another")
    git(other, "push", "--quiet", "--force")
    git(project.root, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    assert advice in problems(check_commit, project)[0]
    assert git(bare, "rev-parse", "main") == head(other)


def test_a_file_that_a_run_needs_and_git_does_not_have_is_named(
    connected: Project, bare: Path
) -> None:
    (connected.root / "src/prefect_modal/flows/orders.py").write_text("def main(): ...")
    append(connected.root / ".gitignore", "orders.py\n")
    edit(connected.root / "prefect.yaml", "flow1:main", "orders:main")
    git(connected.root, "rm", "--quiet", "--cached", "pyproject.toml", "README.md")
    append(connected.root / ".gitignore", "pyproject.toml\nREADME.md\n")
    git(connected.root, "commit", "--quiet", "--all", "--message", "Use another flow")
    connected.git("push")
    missing = ["README.md", "pyproject.toml", "src/prefect_modal/flows/orders.py"]
    assert problems(check_commit, Project(connected.root)) == [
        f"failed: {name} is not in the commit. git add --force {name}, and commit"
        for name in missing
    ]


@pytest.mark.parametrize(
    "change",
    [("^description = .*", 'description = "Ours"'),
     ("^      branch: .*", '      commit_sha: "{{ commit.stdout }}"')],
    ids=["pinned", "pinned up to v0.4.0"],
)  # fmt: skip
def test_a_commit_that_is_pinned_may_be_on_any_branch(
    connected: Project, bare: Path, change: tuple[str, str]
) -> None:
    git(connected.root, "switch", "--quiet", "--create", "release")
    file = "prefect.yaml" if "branch" in change[0] else "pyproject.toml"
    edit(connected.root / file, *change)
    commit(connected.root)
    project = Project(connected.root)
    assert problems(check_commit, project) == [
        "failed: the last commit is not on any GitHub branch that this clone knows. make bootstrap"
    ]
    fix_commit(project)
    assert git(bare, "rev-parse", "release") == head(project.root)
    assert problems(check_commit, project) == []
    # Another user has pushed on top of it.
    theirs = git(bare, "commit-tree", "-p", "release", "-m", "Theirs", "release^{tree}")
    git(bare, "update-ref", "refs/heads/release", theirs)
    (found,) = problems(check_commit, project)
    assert f"release on GitHub is at {theirs[:10]}, which this clone does not have" in found
    assert found.endswith("git pull --rebase origin release")


def test_the_branch_that_containers_clone_has_to_be_there_for_a_pinned_commit_too(
    connected: Project, bare: Path
) -> None:
    connected.git("push", "origin", "HEAD:other")
    git(bare, "branch", "--delete", "--force", "main")
    assert problems(check_commit, connected) == [
        "failed: the last commit is not pushed to main, which containers clone. make bootstrap"
    ]
    fix_commit(connected)
    assert git(bare, "rev-parse", "main") == head(connected.root)


@pytest.mark.parametrize("which", ["following", "connected"])
def test_a_release_branch_in_both_files_is_what_runs(
    request: pytest.FixtureRequest, which: str
) -> None:
    project: Project = request.getfixturevalue(which)
    edit(project.root / "prefect.yaml", "branch: .*", "branch: release")
    edit(project.root / ".github/workflows/prefect_cd.yaml", r"branches: .*", "branches: [release]")
    git(project.root, "switch", "--quiet", "--create", "release")
    commit(project.root)
    project = Project(project.root)
    fix_commit(project)
    assert problems(check_commit, project) == []


def test_a_github_that_cannot_be_reached_is_not_one_that_refuses(
    connected: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.proxy")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "http://127.0.0.1:9")
    (found,) = problems(check_commit, connected)
    assert found.startswith("skipped: GitHub cannot be reached: fatal: unable to access")
    assert "gh auth" not in found


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (" ! [rejected] main -> main (non-fast-forward)", "git pull --rebase origin main"),
        ("remote: error: GH006: Protected branch update failed", "merge it in a pull request"),
        ("refusing to allow an OAuth App to create or update workflow without `workflow` scope",
         "gh auth refresh --scopes workflow"),
        ("remote: Repository not found.", "gh repo create Ben-Epstein/prefect-modal --private"),
        ("fatal: could not read Username for 'https://github.com'", "gh auth setup-git"),
        ("git@github.com: Permission denied (publickey).", "gh auth setup-git"),
        ("remote: Permission to acme/flows.git denied to ada.", "log in as a user who may push"),
        ("fatal: empty ident name (for <>) not allowed", "git config --global user.name NAME"),
        ("remote: use https://github.com/orgs/acme/sso?authorization_request=A", ""),
        ("error: failed to run the hook pre-push", ""),
    ],
)  # fmt: skip
def test_advice_is_for_what_was_said(project: Project, said: str, expected: str) -> None:
    found = advice(project, said)
    assert expected in found
    assert bool(expected) is bool(found)


def test_a_rejected_push_is_to_the_branch_that_is_checked_out(connected: Project) -> None:
    git(connected.root, "switch", "--quiet", "--create", "feature")
    assert advice(connected, "! [rejected] (fetch first)") == "git pull --rebase origin feature"


def test_what_the_server_says_of_a_push_is_shown(connected: Project, bare: Path) -> None:
    link = "https://github.com/orgs/acme/sso?authorization_request=A"
    (hook := bare / "hooks/pre-receive").write_text(f"#!/bin/sh\necho 'Visit {link}' >&2\nexit 1\n")
    hook.chmod(0o755)
    git(connected.root, "commit", "--quiet", "--allow-empty", "--message", "More")
    with pytest.raises(ActionRequired) as refused:
        fix_commit(connected)
    said = f"Visit {link}; ! [remote rejected] HEAD -> main (pre-receive hook declined)"
    assert str(refused.value) == f"git push --set-upstream origin HEAD: {said}"
