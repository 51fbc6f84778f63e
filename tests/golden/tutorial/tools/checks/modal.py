# mypy: ignore-errors
"""The Modal token of this machine, and the work pools that start containers with one."""

import shlex
import sys
from uuid import UUID

from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.client.schemas.objects import WorkPool

from tools.base import process
from tools.base.finding import Finding, Findings, failed, passed
from tools.base.project import Project
from tools.base.screen import say
from tools.base.stop import ActionRequired, CheckSkipped

POOL_TYPE = "modal:push"
PLAN = (
    "Your Prefect Cloud plan does not support push work pools; the free plan never does. "
    "Choose a paid plan: https://www.prefect.io/pricing"
)


def read_token() -> dict[str, str | None]:
    """The token in the environment or in Modal's configuration, read now."""
    sys.modules.pop("modal.config", None)
    try:
        from modal.config import Config
    except ImportError:
        raise CheckSkipped("modal is not installed: make setup") from None
    except Exception as error:
        text = f"Modal's configuration cannot be read: {type(error).__name__}, see ~/.modal.toml"
        raise CheckSkipped(text) from None

    return {name: Config().get(name) for name in ("token_id", "token_secret")}


def credentials_block(pool: WorkPool) -> UUID | None:
    """The block with the Modal token of a work pool, if it has one."""
    variables = pool.base_job_template.get("variables", {}).get("properties", {})
    chosen = variables.get("modal_credentials", {})
    reference = (chosen.get("default") or {}).get("$ref", {})
    return UUID(reference["block_document_id"]) if reference else None


def check_modal_token(project: Project) -> Finding:
    token = read_token()
    if all(token.values()):
        return passed("a token is configured on this machine")
    if any(token.values()):
        text = "only one of MODAL_TOKEN_ID and MODAL_TOKEN_SECRET is set"
        return failed(text, "set both")
    if project.workspace.url and project.pools:
        pools = map(project.workspace.work_pool, project.pools)
        if all(pool and credentials_block(pool) for pool in pools):
            return passed("not needed on this machine, the work pool has its own")
    return failed("no token is configured", "uv run modal setup")


def fix_modal_token(project: Project) -> None:
    both = "Set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET."
    setup = (sys.executable, "-m", "modal", "setup")
    process.run_interactively(*setup, cwd=project.root, otherwise=both)


def check_work_pools(project: Project) -> Findings:
    if not project.pools:
        raise CheckSkipped("no deployment has a work pool")
    problems = [found for name in project.pools if (found := work_pool_problem(project, name))]
    return problems or passed(f"{', '.join(project.pools)} starts containers on Modal")


def work_pool_problem(project: Project, name: str) -> Finding | None:
    pool = project.workspace.work_pool(name)
    if not pool:
        return failed(f"{name} is missing", "make bootstrap (needs a paid Prefect Cloud plan)")
    if pool.type != POOL_TYPE:
        remedy = "name another work pool in prefect.yaml, or delete this one"
        return failed(f"{name} is of type {pool.type}, not {POOL_TYPE}", remedy)
    if pool.is_paused:
        return failed(f"{name} is paused", f"uv run prefect work-pool resume {shlex.quote(name)}")
    if not credentials_block(pool):
        remedy = "choose Modal credentials for it in Prefect, or delete it and make bootstrap"
        return failed(f"{name} has no Modal token", remedy)
    return None


def fix_work_pools(project: Project) -> None:
    for name in project.pools:
        if not project.workspace.work_pool(name):
            create_work_pool(project, name)
            project.workspace.forget()


def create_work_pool(project: Project, name: str) -> None:
    """Create a work pool before its token, so that a refusal leaves nothing behind."""
    say(f"Creating the work pool {name} …")
    command = (*process.PREFECT, "--no-prompt", "work-pool")
    created = project.run(*command, "create", "--type", POOL_TYPE, "--", name, limit=None)
    if created.returncode != 0:
        said = created.stdout + created.stderr
        if "ObjectUnsupported" in said or "plan does not support" in said:
            raise ActionRequired(PLAN)
        raise ActionRequired(f"prefect work-pool create: {process.last_error(created)}")
    try:
        process.run_checked(*command, "provision-infra", "--", name, cwd=project.root)
    except ActionRequired:
        project.workspace.client.delete_work_pool(name)
        raise
    save_token(project, name)


def save_token(project: Project, name: str) -> bool:
    """Give a work pool this machine's token, even if Prefect kept an earlier pool's token.

    Returns:
        Whether the work pool has a block for the token.
    """
    project.workspace.forget()
    pool = project.workspace.work_pool(name)
    if not (pool and (block := credentials_block(pool))):
        return False
    update = BlockDocumentUpdate(data=read_token())
    project.workspace.client.update_block_document(block, update)
    return True
