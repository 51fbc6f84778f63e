# mypy: ignore-errors
"""`make rotate-tokens`: replace the Modal token that Prefect keeps with this machine's."""

from prefect.client.schemas.actions import BlockDocumentUpdate

from tools.base.project import Project
from tools.base.screen import say
from tools.checks.modal import credentials_block, read_token


def rotate_tokens(project: Project) -> int:
    """Replace the token of every work pool, and return the exit code."""
    token = read_token()
    if not all(token.values()):
        say("Set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or run: uv run modal setup")
        return 1
    for name in project.pools:
        pool = project.workspace.work_pool(name)
        if not (pool and (block := credentials_block(pool))):
            say(f"{name} has no Modal token yet: make bootstrap")
            return 1
        project.workspace.client.update_block_document(block, BlockDocumentUpdate(data=token))
        say(f"{name} has the token of this machine.")
    return 0
