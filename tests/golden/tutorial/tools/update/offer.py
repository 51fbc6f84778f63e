# mypy: ignore-errors
"""An update on GitHub: one pull request, or an issue if that is not possible.

The update is neither run nor checked out: git turns the patch into a commit.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from tools.base.stop import ActionRequired
from tools.update.change import Update
from tools.update.git import git
from tools.update.github import OWN_TOKEN, GitHub
from tools.update.patch import LOCK, WORKFLOWS, Changed, changed, check, only_pins
from tools.update.text import for_issue, for_pull_request

BRANCH = "template-update"
"""The branch of the pull request, and the label of the issue."""
BOT = "41898282+github-actions[bot]@users.noreply.github.com"
SUBJECT = "Update from the template: "
"""The beginning of this program's commits, which identifies its branch."""
VERSION = re.compile(r"[\w.+-]+")
NO_WORKFLOWS = (
    "It changes files under `.github/workflows/`, which a workflow can change only with a token "
    "that you create."
)
RUN_UNREAD = (
    "It changes what a workflow does, and GitHub would run that workflow before you have read it."
)


def offer(root: Path, folder: Path) -> None:
    """Offer the update that `prepare` wrote to a folder, unless it was already offered.

    Raises:
        ActionRequired: a person has to act.
    """
    github = GitHub()
    facts = json.loads((folder / "update.json").read_text(encoding="utf-8"))
    if not facts:
        return close_issues(github)
    update = Update(**facts)
    if not all(VERSION.fullmatch(each) for each in (update.before, update.after)):
        raise ActionRequired("The prepared update names no versions")
    index = {"GIT_INDEX_FILE": str(folder.resolve() / "index")}
    git(root, "read-tree", "HEAD", env=index)
    patch = (folder / "update.patch").read_bytes()
    git(root, "apply", "--cached", "--whitespace=nowarn", given=patch, env=index)
    files = changed(root, "--cached", "HEAD", env=index)
    check([each for each in files if each.name != LOCK])

    if any(each.name.startswith(WORKFLOWS) for each in files):
        if not github.own:
            advice = f"To get such an update as a pull request, {github.new_token}."
            return open_issue(github, update, NO_WORKFLOWS, advice)
        if not only_pins(root, "--cached", "HEAD", env=index):
            return open_issue(github, update, RUN_UNREAD, "")
    roles = [f"GIT_{role}_" for role in ("AUTHOR", "COMMITTER")]
    names = {f"{role}NAME": "github-actions[bot]" for role in roles}
    emails = {f"{role}EMAIL": BOT for role in roles}
    message = f"{SUBJECT}{update.before} to {update.after}"
    tree = git(root, "write-tree", env=index)
    commit = git(root, "commit-tree", tree, "-p", "HEAD", "-m", message, env=names | emails)
    open_pull_request(github, root, commit, update, files)


def newest(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The open one, or else the newest; empty if there is none."""
    return next(iter([each for each in found if each["state"] == "open"] or found), {})


def is_there(github: GitHub, found: dict[str, Any], what: str, release: str) -> bool:
    """Whether a release was already offered, even if its offer was closed."""
    offered = release in found.get("title", "").split()
    if there := offered and not (found["state"] == "closed" and github.by_hand):
        print(f"{what} {found['number']}, which is {found['state']}, already has this update.")
    return there


def open_pull_request(
    github: GitHub, root: Path, commit: str, update: Update, files: list[Changed]
) -> None:
    """Push a commit to the branch, and open a pull request for it or refresh the open one."""
    owner = github.repository.split("/")[0]
    try:
        found = newest(github.api("GET", f"pulls?state=all&head={owner}:{BRANCH}"))
    except ActionRequired as error:
        raise refused(github, error) from None
    if is_there(github, found, "Pull request", update.after):
        return
    is_open = found.get("state") == "open"
    force = "--force"
    if is_open:
        github.git(root, "fetch", "--quiet", "--depth=1", "origin", BRANCH)
        there, *last = git(root, "log", "-1", "--format=%H%n%ae %ce%n%s", "FETCH_HEAD").split("\n")
        if last[0] != f"{BOT} {BOT}" or not last[1].startswith(SUBJECT):
            text = "has commits of yours. Merge or close it, then run this workflow again."
            print(f"::warning::Pull request {found['number']} {text}")
            return
        force = f"--force-with-lease={BRANCH}:{there}"

    draft = bool(update.conflicts) or not update.locked
    if is_open and draft and not found["draft"]:
        # Before the push, so that conflicts can never be merged.
        set_draft(github, found["number"], "--undo")
    try:
        github.git(root, "push", "--quiet", force, "origin", f"{commit}:refs/heads/{BRANCH}")
    except ActionRequired as error:
        raise refused(github, error) from None
    shown = {
        "title": f"Update from the template to {update.after}",
        "body": for_pull_request(update, files, BRANCH, starts_ci=bool(github.own)),
    }
    if is_open:
        number = found["number"]
        print(github.api("PATCH", f"pulls/{number}", shown)["html_url"])
        if found["draft"] and not draft:
            set_draft(github, number)
    else:
        create(github, shown | {"head": BRANCH, "base": github.base}, draft)
    close_issues(github)


def set_draft(github: GitHub, number: int, *options: str) -> None:
    """Some plans have no drafts."""
    with suppress(ActionRequired):
        github.gh("pr", "ready", str(number), *options, token=github.own or github.built_in)


def create(github: GitHub, pull: dict[str, str], draft: bool) -> None:
    for attempt in (draft, False):
        try:
            print(github.api("POST", "pulls", {**pull, "draft": attempt})["html_url"])
        except ActionRequired as error:
            reason = error
        else:
            return
    raise refused(
        github,
        reason,
        'Tick "Allow GitHub Actions to create and approve pull requests" at '
        f"{github.page('actions')}, then run this workflow again.",
    )


def refused(github: GitHub, reason: ActionRequired, advice: str = "") -> ActionRequired:
    """The error for a refusal by GitHub, with advice."""
    if github.own:
        advice = f"The token in the secret {OWN_TOKEN} has expired or lacks permissions: "
        advice += f"{github.new_token}. Then run this workflow again."
    return ActionRequired(f"{reason}. {advice}".strip())


def issues(github: GitHub, state: str) -> list[dict[str, Any]]:
    found = github.api("GET", f"issues?state={state}&labels={BRANCH}")
    return [each for each in found if "pull_request" not in each]


def open_issue(github: GitHub, update: Update, reason: str, advice: str) -> None:
    """Open the issue of an update, or refresh the open one."""
    found = newest(issues(github, "all"))
    if is_there(github, found, "Issue", update.after):
        return
    shown = {
        "title": f"Update from the template to {update.after}",
        "body": for_issue(update, reason, advice),
    }
    if found.get("state") == "open":
        answer = github.api("PATCH", f"issues/{found['number']}", shown)
    else:
        answer = github.api("POST", "issues", {**shown, "labels": [BRANCH]})
    print(answer["html_url"])


def close_issues(github: GitHub) -> None:
    """Close the issue of an update that has arrived. Some repositories have issues disabled."""
    with suppress(ActionRequired):
        for issue in issues(github, "open"):
            github.api("PATCH", f"issues/{issue['number']}", {"state": "closed"})
