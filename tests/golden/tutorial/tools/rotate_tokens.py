# mypy: ignore-errors
"""`make rotate-tokens`: replace the stored tokens with this machine's."""

from tools.base.project import Project
from tools.base.screen import say
from tools.checks.github_secrets import fix_github_secrets
from tools.checks.modal import read_token, save_token


def rotate_tokens(project: Project) -> int:
    """Replace the token of every work pool, and return the exit code."""
    if not all(read_token().values()):
        say("Set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or run: uv run modal setup")
        return 1
    if project.app:
        project.app.fix_secret(project)
        fix_github_secrets(project, renew=True)
        say("Modal and GitHub now have this machine's tokens.")
        return 0
    for name in project.pools:
        if not save_token(project, name):
            say(f"{name} has no Modal token yet: run make bootstrap")
            return 1
        say(f"{name} now has this machine's token.")
    return 0
