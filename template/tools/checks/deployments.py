# mypy: ignore-errors
"""The deployments in Prefect, of this repository and of others."""

import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, unquote

from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse

from tools.base.finding import (
    Check,
    Finding,
    Findings,
    examine,
    failed,
    offered,
    passed,
    skipped,
    warning,
)
from tools.base.flows import name_in_prefect
from tools.base.git import contains, current_branch, head
from tools.base.prefect_yaml import Deployment, clone_step
from tools.base.process import run_checked
from tools.base.project import Project, same_repository, split_address
from tools.base.screen import say
from tools.base.stop import CheckSkipped
from tools.checks.prefect_yaml import check_keys

DEPLOY = "make prefect-deploy"
PRUNE = "make prune"
PREVIEW = "preview"
"""The tag of all previews; a second tag names the branch."""
OF_BRANCH = "branch:"


@dataclass(frozen=True)
class Deployed:
    """A deployment on the server."""

    name: str
    """The name that Prefect's commands use."""
    flow: str
    repository: str
    """The repository that its containers clone; empty if none."""
    found: DeploymentResponse

    @property
    def quoted(self) -> str:
        return shlex.quote(self.name)

    @property
    def version(self) -> str:
        return str(self.found.version or "").removesuffix("-dirty")

    @property
    def commit(self) -> str:
        """The commit in its version; empty if the version is something else."""
        return self.version if re.fullmatch("[0-9a-f]{40}", self.version) else ""


def on_the_server(project: Project) -> list[Deployed]:
    """All deployments of the workspace, including other projects'."""
    workspace = project.workspace
    return [
        Deployed(
            name=f"{workspace.flows[each.flow_id]}/{each.name}",
            flow=workspace.flows[each.flow_id],
            repository=str(
                clone_step(each.pull_steps or []).get("repository")
                or each.job_variables.get("repository", "")
            ),
            found=each,
        )
        for each in workspace.deployments
    ]


def of_this_repository(project: Project) -> list[Deployed]:
    url = project.repository_url
    return [each for each in on_the_server(project) if same_repository(each.repository, url)]


def of_this_project(project: Project) -> list[Deployed]:
    """The deployments of this repository and of its former addresses."""
    there, url = on_the_server(project), project.repository_url
    others = {each.repository for each in there if not same_repository(each.repository, url)}
    # In parallel: one after the other, they would take seconds.
    with ThreadPoolExecutor() as pool:
        forwarded = dict(zip(others, pool.map(partial(is_former, project), others), strict=True))
    return [each for each in there if forwarded.get(each.repository, True)]


def is_former(project: Project, url: str) -> bool:
    """Whether GitHub forwards an address here, after the repository was renamed or transferred."""
    host, name = project.repository
    try:
        its_host, its_name = split_address(url)
    except CheckSkipped:
        return False
    if its_host != host:
        return False
    ask = ("gh", "api", "--hostname", host, f"repos/{quote(its_name)}", "--jq", ".full_name")
    done = project.run(*ask)
    return done.returncode == 0 and done.stdout.strip().lower() == name.lower()


def tag_of(branch: str) -> str:
    """The tag of a branch's preview, without anything that Prefect takes for a placeholder."""
    return f"{OF_BRANCH}{quote(branch)}"


def preview_of(there: Deployed) -> str:
    """The branch of a preview; empty if it is not a preview."""
    tags = there.found.tags
    branches = (unquote(tag[len(OF_BRANCH) :]) for tag in tags if tag.startswith(OF_BRANCH))
    return next(branches, "") if PREVIEW in tags else ""


def delete_preview_of(project: Project, found: Deployed) -> None:
    project.workspace.client.delete_deployment(found.found.id)
    if project.app and (app := found.found.job_variables.get("app")):
        project.app.stop(project, str(app))


def counterpart(project: Project, here: Deployment, there: list[Deployed]) -> Deployed | None:
    """The deployment that a deploy overwrites: the one with the same flow name and name."""
    flow = name_in_prefect(project.root, here.entrypoint)
    for each in there:
        same_flow = each.flow == flow if flow else each.found.entrypoint == here.entrypoint
        same_flow = same_flow or not here.entrypoint
        if each.found.name == here.name and same_flow:
            return each
    return None


def check_deployed(project: Project) -> Findings:
    problems = [*taken(project)]
    if not (found := other_branch(project)):
        problems += [*newer(project), *not_deployed(project)]
    elif not problems:
        if any(in_the_file(project)):
            return offered(found, "make preview")
        back = f"git switch {shlex.quote(deployed_branch(project))}"
        return skipped(f"{found}: nothing is deployed yet", back)
    text = ", ".join(deployment.name for deployment in project.deployments)
    if not text:
        return skipped("prefect.yaml has no deployment")
    if all(map(records_commit, project.deployments)):
        text += f", from commit {head(project)[:10]}"
    return problems or passed(text)


def check_branch(project: Project) -> Findings:
    """Whether this is the deployed branch."""
    if not (found := other_branch(project)):
        return passed("this is the deployed branch")
    return failed(
        found,
        f"make preview deploys this one beside production; {DEPLOY} FORCE=1 deploys it in production",
    )


def deployed_branch(project: Project) -> str:
    """The branch that the workflow deploys; empty if the project has left the template."""
    return str(project.answers.get("branch") or "")


def other_branch(project: Project) -> str:
    """What is deployed instead of this branch; empty if this one is, or if that is unknown."""
    here, deployed = current_branch(project), deployed_branch(project)
    if not (here and deployed) or here in (deployed, project.branch):
        return ""
    return f"{deployed} is the deployed branch, and this is {here}"


def taken(project: Project) -> Iterator[Finding]:
    """Deployments of other repositories that a deploy would overwrite."""
    there = on_the_server(project)
    for here in project.deployments:
        found = counterpart(project, here, there)
        if found and not is_ours(project, found):
            rename = f"give {here.name} another name in prefect.yaml"
            if found.repository:
                text = f"{found.name} already exists, from {found.repository}"
                former = "if that is a former address of this repository"
                yield failed(text, f"{rename}; or {DEPLOY} FORCE=1, {former}")
            else:
                text = f"{found.name} already exists, and its runs do not clone a repository"
                yield failed(text, f"{DEPLOY} FORCE=1, if it is this project's; or {rename}")


def is_ours(project: Project, found: Deployed) -> bool:
    """Whether a deployment is of this repository; one that clones none is known by its commit."""
    if not found.repository:
        return bool(found.commit) and contains(project, found.commit, found.commit)
    return same_repository(found.repository, project.repository_url)


def newer(project: Project) -> Iterator[Finding]:
    """Deployments that a deploy from here would roll back."""
    there, commit = of_this_repository(project), head(project)
    for here in project.deployments:
        if not (found := counterpart(project, here, there)):
            continue
        version = deployed_commit(project, here, found)
        if not version or contains(project, commit, version):
            continue
        text = f"{found.name} is deployed from {version[:10]}, which"
        branch = current_branch(project) or "HEAD"
        if contains(project, version, version) and not contains(
            project, f"origin/{project.branch or branch}", version
        ):
            yield failed(f"{text} is not in {branch}", f"merge it, or {DEPLOY} FORCE=1")
        else:
            yield failed(
                f"{text} this checkout does not have", f"git pull; to roll back: {DEPLOY} FORCE=1"
            )


def records_commit(here: Deployment) -> bool:
    return "commit.stdout" in str(here.version)


def deployed_commit(project: Project, here: Deployment, there: Deployed) -> str:
    """The commit that a deployment is from; empty if its version is something else."""
    if not records_commit(here):
        return ""
    if there.commit or not re.match(r"\w", there.version):
        return there.commit
    # An owner's build step may print a shorter name of the commit.
    named = project.git("rev-parse", "--verify", "--quiet", f"{there.version}^{{commit}}")
    return named.stdout.strip()


def not_deployed(project: Project) -> Iterator[Finding]:
    there, commit = of_this_repository(project), head(project)
    for here in project.deployments:
        found = counterpart(project, here, there)
        if not found:
            if not counterpart(project, here, on_the_server(project)):
                yield failed(f"{here.name} is not deployed", DEPLOY)
            continue
        version = deployed_commit(project, here, found)
        if records_commit(here) and not version:
            text = f"{found.name} is deployed, but not from a commit of this project"
            yield failed(text, DEPLOY)
        elif version and version != commit and contains(project, commit, version):
            yield failed(f"{found.name} is deployed from an older commit", DEPLOY)


def fix_deployed(project: Project) -> None:
    if [*taken(project), *newer(project)]:
        return  # Only a person can decide.
    say("Deploying …")
    run_checked("make", "prefect-deploy", "FORCE=1", cwd=project.root)
    project.workspace.forget()


def in_the_file(project: Project) -> list[Deployed | None]:
    """The server's record of each deployment in prefect.yaml."""
    there = on_the_server(project)
    return [counterpart(project, each, there) for each in project.deployments]


def check_orphaned(project: Project) -> Findings:
    """Find what is on the server but no longer in prefect.yaml."""
    require_keys(project)
    problems = [
        *(
            failed(f"{found.name} is deployed, but not in prefect.yaml", PRUNE)
            for found in orphaned(project)
        ),
        *(
            failed(
                f"{found.name}: the schedule {schedule.slug} is not in prefect.yaml, "
                "but still starts runs",
                PRUNE,
            )
            for found, schedule in orphaned_schedules(project)
            if schedule.active
        ),
        *(
            warning(
                f"{found.name} {from_another(found)}", f"if that is its former address: {PRUNE}"
            )
            for found in formerly(project)
        ),
    ]
    return problems or passed("no deployment or schedule is left over")


def require_keys(project: Project) -> None:
    """Raise CheckSkipped if a misspelled key may hide what is in prefect.yaml."""
    for found in examine(Check("Keys", check_keys), project):
        if found.status == "failed":
            raise CheckSkipped(found.text, "fix Keys first")


def orphaned(project: Project) -> Iterator[Deployed]:
    """Orphaned deployments of this repository, except previews, which may be in use."""
    here = in_the_file(project)
    for found in of_this_repository(project):
        if found not in here and not preview_of(found):
            yield found


def orphaned_schedules(project: Project) -> Iterator[tuple[Deployed, DeploymentSchedule]]:
    """Schedules whose slug is no longer in the file; Prefect keeps them and starts their runs."""
    there = of_this_repository(project)
    for deployment in project.deployments:
        found = counterpart(project, deployment, there)
        if not found or deployment.schedules is None:
            continue
        given = [each for each in deployment.all_schedules if isinstance(each, dict)]
        kept = {each.get(key) for each in given for key in ("slug", "replaces")}
        for schedule in found.found.schedules:
            if schedule.slug and schedule.slug not in kept:
                yield found, schedule


def formerly(project: Project) -> Iterator[Deployed]:
    """Deployments from another address with a commit of this repository."""
    here = in_the_file(project)
    for found in on_the_server(project):
        other = found.repository and not same_repository(found.repository, project.repository_url)
        commit = found.commit
        if other and commit and found not in here and contains(project, "HEAD", commit):
            yield found


def from_another(found: Deployed) -> str:
    return f"is deployed from {found.repository}, with a commit of this repository"
