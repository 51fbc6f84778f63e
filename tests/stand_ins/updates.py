"""A project on GitHub whose template makes releases, and the two jobs that offer them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stand_ins.actions import Done, run_workflow
from tests.stand_ins.github import GitHub, serve_github
from tests.stand_ins.github_api import PUSH
from tests.support.copier import URL, copier, data, published
from tests.support.environment import UV_CACHE, clean_environment
from tests.support.git import commit, git
from tests.support.repository import ROOT, export_template

BRANCH = "refs/heads/template-update"
BUILT_IN = PUSH | {"issues: write"}
Change = tuple[str, str, str]
"""A file, a text in it, and its replacement."""

# The line of the README that both sides change to make an update conflict.
OURS = ("README.md", "## Everyday commands", "## Our commands")
THEIRS = ("template/README.md.jinja", "## Everyday commands", "## All commands")

# act emulates only actions/checkout. The artifact between the jobs is a folder.
HAND_OVER = """
name: A folder for another job
inputs:
  name: {{required: true}}
  path: {{required: true}}
runs:
  using: composite
  steps:
    - run: rm -rf "{target}" && mkdir -p "$(dirname "{target}")" && cp -r "{source}" "{target}"
      shell: sh
"""


@dataclass
class Project:
    """A project on GitHub, with a template that makes releases."""

    folder: Path
    github: GitHub
    environment: dict[str, str]
    """The programs of a runner besides git; uv and Copier are missing."""
    token: str
    """The built-in token of its workflows."""
    own_token: str
    """The token that its owner may add as the secret TEMPLATE_UPDATE_TOKEN."""

    @property
    def repository(self) -> Path:
        return self.github.repository("acme/flows")

    def release(self, version: str, *changes: Change) -> None:
        """Release the template with one more constraint, and with these changes."""
        constraints = "constraint-dependencies = [\n"
        bound = f'{constraints}    "anyio<{version[1:].replace(".", "")}",\n'
        section = f'## {version}\n\n- New in `{version}`: "$HOME" 😀 @someone #1\n\n## '
        changes += (("template/pyproject.toml.jinja", constraints, bound),)
        changes += (("CHANGELOG.md", "## ", section),)
        for change in changes:
            edit(self.folder / "template", *change)
        commit(self.folder / "template", tag=version)

    def push(self, *change: str, branch: str = "main") -> None:
        """Push a change of a file to a branch, as another user."""
        edit(clone := self.clone(branch), *change)
        commit(clone)
        git(clone, "push", "--quiet", f"file://{self.repository}", f"HEAD:{branch}")

    def clone(self, branch: str) -> Path:
        """A branch, checked out as the workflow does it: without history or credentials."""
        folder = self.folder / f"{branch}{len(list(self.folder.glob(f'{branch}*')))}"
        origin = f"file://{self.repository}"
        git(self.folder, "clone", "-q", "--depth", "1", "--branch", branch, origin, str(folder))
        git(folder, "remote", "set-url", "origin", "https://github.com/acme/flows")
        return folder

    def on_act(self, **secrets: str) -> Done:
        """Run the whole workflow, and check that it shows no token, not even a masked one."""
        checkout = self.clone("main")
        text = (checkout / ".github/workflows/template_update.yaml").read_text()
        handed_over, stubs = self.folder / "handed-over", []
        for name, source, target in (
            ("upload-artifact", "${{ inputs.path }}", handed_over),
            ("download-artifact", handed_over, "${{ inputs.path }}"),
        ):
            (stub := self.folder / name).mkdir(exist_ok=True)
            (stub / "action.yml").write_text(HAND_OVER.format(source=source, target=target))
            (use,) = [word for word in text.split() if word.startswith(f"actions/{name}@")]
            stubs.append(f"--local-repository={use}={stub}")
        handed = {"GITHUB_TOKEN": self.token} | secrets
        workflow = "template_update.yaml"
        done = run_workflow(checkout, "schedule", workflow, self.environment, handed, *stubs)
        assert "***" not in done.stdout
        return self._without_tokens(done)

    def in_actions(self, checkout: Path, command: list[str], **env: str) -> Done:
        """Run a command of the workflow without act."""
        given = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": "acme/flows",
            "GITHUB_SERVER_URL": "https://github.com",
        }
        done = subprocess.run(
            command, check=False, cwd=checkout, env=self.environment | given | env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return self._without_tokens(done)

    def prepare(self, checkout: Path | None = None, **env: str) -> tuple[Done, Path]:
        """Run the first job, which has Copier and uv; its result is in the folder."""
        folder = self.folder / f"update{len(list(self.folder.glob('update*')))}"
        command = [sys.executable, "-m", "tools.update", "prepare", str(folder)]
        env = {"PATH": clean_environment()["PATH"]} | env
        return self.in_actions(checkout or self.clone("main"), command, **env), folder

    def offer(
        self,
        version: str = "v2.0.0",
        event: str = "schedule",
        with_own_token: bool = False,
        update: Path | None = None,
        **facts: Any,
    ) -> Done:
        """Run the second job, as if the update that is prepared were this version's."""
        folder = self.folder / f"offer{len(list(self.folder.glob('offer*')))}"
        shutil.copytree(update or self.folder / "prepared", folder)
        known = json.loads((folder / "update.json").read_text())
        (folder / "update.json").write_text(json.dumps(known | {"after": version} | facts))
        return self.in_actions(
            self.clone("main"),
            ["python3", "-m", "tools.update", "offer", str(folder)],
            GITHUB_EVENT_NAME=event,
            GH_TOKEN=self.token,
            TEMPLATE_UPDATE_TOKEN=self.own_token if with_own_token else "",
        )

    def _without_tokens(self, done: Done) -> Done:
        assert [word for word in (self.token, self.own_token) if word in done.stdout] == []
        return done

    def branches(self) -> dict[str, str]:
        """The commits of all branches."""
        lines = git(self.repository, "for-each-ref", "--format=%(refname) %(objectname)")
        return dict(line.split() for line in lines.splitlines())

    def writes(self) -> list[str]:
        """The requests that change something."""
        return [
            f"{request.method} {request.path} {request.body!r}"
            for request in self.github.requests
            if request.method != "GET" and "upload-pack" not in request.path
        ]


def edit(folder: Path, name: str, old: str, new: str) -> None:
    """Replace a text in a file, which is made if nothing is replaced."""
    (file := folder / name).parent.mkdir(parents=True, exist_ok=True)
    text = file.read_text() if file.exists() else ""
    assert old in text
    file.write_text(text.replace(old, new, 1))


def commit_as_bot(folder: Path, *options: str) -> None:
    """Commit all changes as a workflow does it."""
    bot = {"NAME": "github-actions[bot]", "EMAIL": git(folder, "log", "-1", "--format=%ae")}
    roles = [(role, key) for role in ("AUTHOR", "COMMITTER") for key in bot]
    env = clean_environment(**{f"GIT_{role}_{key}": bot[key] for role, key in roles})
    subprocess.run(["git", "commit", "--quiet", "--all", *options], cwd=folder, env=env, check=True)


def begin(state: Path, laptop: Path, python: tuple[str, str]) -> Path:
    """Make a project that was just rendered from the template's release v1.0.0."""
    template = export_template(state / "template")
    (template / "CHANGELOG.md").write_text("# What is new\n\n## v1.0.0\n\nThe first.\n")
    commit(template, tag="v1.0.0")
    answers: dict[str, object] = {"repo_url": "acme/flows", "python_version": python[0]}
    env = published(template, UV_PYTHON=python[1], UV_CACHE_DIR=str(UV_CACHE))
    done = copier("copy", "--defaults", *data(answers), URL, str(laptop), env=env)
    assert done.returncode == 0, done.stderr
    subprocess.run(["uv", "lock", "--quiet"], cwd=laptop, env=env, check=True)
    commit(laptop)
    (state / "repositories/acme").mkdir(parents=True)
    git(state, "clone", "--quiet", "--bare", str(laptop), "repositories/acme/flows")
    return state


@contextmanager
def copied(folder: Path, state: Path, python: str) -> Iterator[Project]:
    """A project whose repository and template are copies of those in `state`."""
    shutil.copytree(state, folder, dirs_exist_ok=True)
    (tools := folder / "tools").mkdir()
    (tools / "gh").symlink_to(ROOT / ".venv/bin/gh")
    # Not a link, through which a relocated Python does not find its library.
    (tools / "python3").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (tools / "python3").chmod(0o755)
    (home := folder / "home").mkdir()
    with serve_github(folder) as github:
        environment = (
            published(folder / "template")
            | github.environment()
            | {
                "PATH": clean_environment()["PATH"].replace(str(ROOT / ".venv/bin"), str(tools)),
                "HOME": str(home),
                "XDG_CACHE_HOME": str(home / ".cache"),
                "PIP_CACHE_DIR": str(UV_CACHE.with_name("pip")),
                "UV_CACHE_DIR": str(UV_CACHE),
                "UV_PYTHON": python,
            }
        )
        built_in, own = github.add_token(BUILT_IN), github.add_token()
        yield Project(folder, github, environment, built_in, own)
