# mypy: ignore-errors
"""The project's repository on GitHub, from a step of a workflow."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.base.stop import ActionRequired
from tools.update.git import NOTHING, git

OWN_TOKEN = "TEMPLATE_UPDATE_TOKEN"


class GitHub:
    """The repository, with the tokens of the step."""

    def __init__(self) -> None:
        self.server = os.environ["GITHUB_SERVER_URL"]
        self.repository = os.environ["GITHUB_REPOSITORY"]
        self.base = os.environ["GITHUB_REF_NAME"]
        self.by_hand = os.environ["GITHUB_EVENT_NAME"] != "schedule"
        self.built_in = os.environ.pop("GH_TOKEN")
        self.own = os.environ.pop(OWN_TOKEN, "")

    def page(self, name: str) -> str:
        """A page of the repository's settings."""
        return f"{self.server}/{self.repository}/settings/{name}"

    @property
    def new_token(self) -> str:
        return (
            f"create a fine-grained token at {self.server}/settings/personal-access-tokens/new for "
            "this repository, with read and write access to Contents, Pull requests and Workflows, "
            f"and add it as the secret {OWN_TOKEN} at {self.page('secrets/actions')}"
        )

    def environment(self, token: str) -> dict[str, str]:
        return {
            "GH_HOST": self.server.removeprefix("https://"),
            "GH_REPO": self.repository,
            "GH_TOKEN": token,
            "GH_ENTERPRISE_TOKEN": token,
        }

    def gh(self, *arguments: str, token: str, given: str = "") -> str:
        """Return gh's output.

        Raises:
            ActionRequired: it failed, with its message.
        """
        done = subprocess.run(
            ["gh", *arguments],
            env=os.environ | self.environment(token),
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ActionRequired(f"gh {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def api(self, method: str, path: str, fields: Mapping[str, object] = NOTHING) -> Any:
        """Send a request about the repository to GitHub, and return its answer."""
        # The owner's token may have no access to issues.
        token = self.built_in if path.startswith("issues") else self.own or self.built_in
        command = ("api", f"repos/{self.repository}/{path}", "--method", method)
        if fields:
            return json.loads(self.gh(*command, "--input=-", token=token, given=json.dumps(fields)))
        return json.loads(self.gh(*command, token=token))

    def git(self, root: Path, *arguments: str) -> None:
        """Run git with the token, and without hooks."""
        options = (
            "-c",
            f"core.hooksPath={os.devnull}",
            "-c",
            "credential.helper=!gh auth git-credential",
        )
        git(root, *options, *arguments, env=self.environment(self.own or self.built_in))
