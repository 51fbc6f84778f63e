"""The part of GitHub's API that gh uses here: secrets, pull requests and releases."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from nacl.public import PrivateKey, SealedBox

from tests.stand_ins.http_edge import Answer, Request, as_json
from tests.support.git import git

Rights = frozenset[str]
NOTHING: Rights = frozenset()
READ = NOTHING | {"contents: read"}
PUSH = READ | {"contents: write"}
COMMENT = NOTHING | {"pull-requests: write"}
ORGANIZATION = NOTHING | {"organization secrets: write", "repositories: create"}
OWNER = PUSH | {"secrets: read", "secrets: write", "actions: read", "administration: write"}

NEW_REPOSITORY = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}

Refusal = tuple[int, str]
NO_DRAFTS = 422, "Draft pull requests are not supported in this repository."
NO_PULLS = 403, "GitHub Actions is not permitted to create or approve pull requests."
FORBIDDEN = 409, "The organization does not allow this."
NO_TAGS = 403, "Resource not accessible by integration"


@dataclass
class GitHubApi:
    """Repositories in a folder, and GitHub's data about them.

    It refuses unknown requests, and records them so that the test fails.
    """

    folder: Path
    rights: dict[str, Rights]
    """The rights of each known token, in all repositories."""
    scopes: str = "repo"
    """The scopes of classic tokens; fine-grained tokens have none."""
    secrets: dict[str, str] = field(default_factory=dict)
    """The decrypted secrets of Actions."""
    organization: dict[str, str] = field(default_factory=dict)
    """The organization's decrypted secrets, which each repository sees."""
    production: dict[str, str] = field(default_factory=dict)
    """The secrets of the environment of that name."""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    """The comments on pull requests."""
    releases: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    """The runs of workflows, oldest first."""
    states: dict[str, str] = field(default_factory=dict)
    """The states of workflows that are not active."""
    permissions: dict[str, Any] = field(default_factory=lambda: dict(NEW_REPOSITORY))
    """The permissions of Actions in the repository."""
    refusals: set[Refusal] = field(default_factory=set)
    """The refusals above that apply."""
    requests: list[Request] = field(default_factory=list)
    """The requests of known tokens, including git's."""
    unknown: list[str] = field(default_factory=list)
    archived: set[str] = field(default_factory=set)
    """The archived repositories, such as `flows`, which are read-only."""
    moved: dict[str, str] = field(default_factory=dict)
    """The new names of repositories that were renamed or transferred."""
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    def repository(self, name: str) -> Path:
        """The folder of a repository, such as `acme/flows`."""
        return self.folder / "repositories" / name

    def create(self, name: str) -> Path:
        """Create an empty repository, such as `acme/flows`."""
        bare = self.repository(name)
        bare.parent.mkdir(parents=True, exist_ok=True)
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
        # As on GitHub: https://docs.github.com/get-started/using-git
        git(bare, "config", "uploadpack.allowFilter", "true")
        git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
        return bare

    def answer(self, request: Request) -> Answer:
        """GitHub's answer: https://docs.github.com/rest."""
        if request.token not in self.rights:
            return as_json(401, {"message": "Bad credentials"})
        self.requests.append(request)
        rights = self.rights[request.token]
        scopes = {"X-OAuth-Scopes": self.scopes} if self.scopes else {}
        match request.method, *request.path.strip("/").split("/"):
            case "GET", "":
                return as_json(200, {}, **scopes)
            case "POST", "graphql":
                return as_json(200, self._graphql(**json.loads(request.body)), **scopes)
            case "GET", "repos", owner, name if f"{owner}/{name}" in self.moved:
                url = f"https://api.github.com/repos/{self.moved[f'{owner}/{name}']}"
                return as_json(301, {"message": "Moved Permanently", "url": url}, Location=url)
            case _, "orgs", _, "actions", "secrets", *secret if rights >= ORGANIZATION:
                return self._secrets(self.organization, secret, request)
            case "POST", "orgs", owner, "repos" if rights >= ORGANIZATION:
                self.create(f"{owner}/{json.loads(request.body)['name']}")
                return as_json(201, {})
            case _, "repos", owner, name, *route:
                if not self.repository(f"{owner}/{name}").exists():
                    return as_json(404, {"message": "Not Found"})
                return self._of_repository(f"{owner}/{name}", route, request)
        return self._refuse(request)

    def _refuse(self, request: Request) -> Answer:
        self.unknown.append(f"{request.method} {request.path} {request.body!r}")
        return as_json(501, {"message": "The stand-in does not know this."})

    def _of_repository(self, name: str, route: list[str], request: Request) -> Answer:
        rights = self.rights[request.token]
        match request.method, *route:
            case ("GET",):
                return as_json(200, {"full_name": name})
            case "GET", "contents", *path if "raw" in request.headers["Accept"]:
                return self._contents(name, "/".join(path))
            case _, "actions", "secrets", *secret:
                return self._secrets(self.secrets, secret, request)
            case "GET", "actions", "organization-secrets":
                return self._secrets(self.organization, [], request)
            case "GET", "environments", "production", "secrets" if self.production:
                return self._secrets(self.production, [], request)
            case "GET", "environments", *_:
                return as_json(404, {"message": "Not Found"})
            case _, "actions", *actions:
                return self._actions(name, actions, request)
            case "GET", "pulls":
                return as_json(200, self._find_pulls(name, **parse_qs(request.query)))
            case "POST", "pulls":
                return self._pull(name, **json.loads(request.body))
            case "PATCH", "pulls", number:
                self.pulls[int(number) - 1] |= json.loads(request.body)
                return as_json(200, self.pulls[int(number) - 1])
            case _, "issues", *comment if "comments" in comment and rights >= COMMENT:
                return self._comments(comment, request)
            case _, "issues", *issue if "issues: write" in rights:
                return self._issues(name, issue, request)
            case "GET", "releases":
                return as_json(200, self.releases[::-1])
            case "POST", "releases":
                return self._release(name, **json.loads(request.body))
        return self._refuse(request)

    # https://docs.github.com/rest/repos/contents

    def _contents(self, name: str, path: str) -> Answer:
        repository = self.repository(name)
        pushed = git(repository, "branch", "--list", "main")
        if not pushed or not git(repository, "ls-tree", "main", path):
            return as_json(404, {"message": "Not Found"})
        return Answer(200, git(repository, "show", f"main:{path}").encode())

    # https://docs.github.com/rest/actions/secrets

    def _secrets(self, held: dict[str, str], route: list[str], request: Request) -> Answer:
        needed = "secrets: read" if request.method == "GET" else "secrets: write"
        if needed not in self.rights[request.token]:
            return as_json(403, {"message": "Resource not accessible by personal access token"})
        match request.method, *route:
            case ("GET",):
                listed = [{"name": n, "updated_at": "2026-01-01T00:00:00Z"} for n in held]
                return as_json(200, {"total_count": len(listed), "secrets": listed})
            case "GET", "public-key":
                key = base64.b64encode(bytes(self.key.public_key)).decode()
                return as_json(200, {"key_id": "1", "key": key})
            case "PUT", name:
                sealed = base64.b64decode(json.loads(request.body)["encrypted_value"])
                held[name] = SealedBox(self.key).decrypt(sealed).decode()
                return as_json(201, {})
            case "DELETE", name if name in held:
                del held[name]
                return Answer(204)
        return self._refuse(request)

    # https://docs.github.com/rest/actions/permissions, /workflows and /workflow-runs

    def _actions(self, name: str, route: list[str], request: Request) -> Answer:
        reads = request.method == "GET" and route[0] == "workflows"
        needed = "actions: read" if reads else "administration: write"
        if needed not in self.rights[request.token]:
            return as_json(403, {"message": "Must have admin rights to Repository."})
        match request.method, *route:
            case "GET", "permissions", "workflow":
                return as_json(200, self.permissions)
            case "PUT", "permissions", "workflow":
                if FORBIDDEN in self.refusals:
                    return as_json(409, {"message": FORBIDDEN[1]})
                self.permissions |= json.loads(request.body)
                return Answer(204)
            case "GET", "workflows", workflow, "runs":
                return as_json(200, self._runs(workflow, **parse_qs(request.query)))
            case "GET", "workflows", workflow:
                repository, file = self.repository(name), f".github/workflows/{workflow}"
                pushed = git(repository, "branch", "--list", "main")
                if not pushed or not git(repository, "ls-tree", "main", file):
                    return as_json(404, {"message": "Not Found"})
                return as_json(200, {"state": self.states.get(workflow, "active")})
            case "PUT", "workflows", workflow, "enable":
                self.states[workflow] = "active"
                return Answer(204)
        return self._refuse(request)

    def add_run(self, workflow: str, conclusion: str | None, **details: object) -> None:
        """Record a workflow run, by default for a push to main."""
        usual = {"event": "push", "head_branch": "main"}
        self.runs.append({"workflow": workflow, "conclusion": conclusion} | usual | details)

    def _runs(self, workflow: str, /, per_page: list[str], **query: list[str]) -> dict[str, Any]:
        """The runs that match a query, newest first."""
        keys = {"branch": "head_branch", "status": "conclusion"}
        wanted = {"workflow": [workflow]} | {keys.get(k, k): v for k, v in query.items()}
        runs = self.runs[::-1]
        found = [run for run in runs if all([run[key]] == wanted[key] for key in wanted)]
        return {"total_count": len(found), "workflow_runs": found[: int(per_page[0])]}

    # https://docs.github.com/rest/pulls

    def _find_pulls(self, name: str, /, head: list[str], state: list[str]) -> list[dict[str, Any]]:
        owner = name.split("/")[0]
        return [
            pull
            for pull in reversed(self.pulls)
            if head == [f"{owner}:{pull['head']}"] and state in (["all"], [pull["state"]])
        ]

    def _pull(self, name: str, /, draft: bool, **details: object) -> Answer:
        if NO_PULLS in self.refusals:
            return as_json(403, {"message": NO_PULLS[1]})
        if draft and NO_DRAFTS in self.refusals:
            return as_json(422, {"message": NO_DRAFTS[1]})
        if any(pull["state"] == "open" for pull in self.pulls):
            return as_json(422, {"message": "A pull request already exists."})
        number = len(self.pulls) + 1
        url = f"https://github.com/{name}/pull/{number}"
        opened = {"number": number, "html_url": url, "state": "open", "draft": draft}
        self.pulls.append(details | opened)
        return as_json(201, self.pulls[-1])

    # https://docs.github.com/rest/issues/issues

    def _issues(self, name: str, route: list[str], request: Request) -> Answer:
        match request.method, *route:
            case ("GET",):
                asked = parse_qs(request.query)
                return as_json(
                    200,
                    [
                        issue
                        for issue in reversed(self.issues)
                        if asked["state"] in (["all"], [issue["state"]])
                        and asked["labels"] == issue["labels"]
                    ],
                )
            case ("POST",):
                number = len(self.issues) + 1
                url = f"https://github.com/{name}/issues/{number}"
                opened = {"number": number, "html_url": url, "state": "open"}
                self.issues.append(json.loads(request.body) | opened)
                return as_json(201, self.issues[-1])
            case "PATCH", number:
                self.issues[int(number) - 1] |= json.loads(request.body)
                return as_json(200, self.issues[int(number) - 1])
        return self._refuse(request)

    # https://docs.github.com/rest/issues/comments

    def _comments(self, route: list[str], request: Request) -> Answer:
        match request.method, *route:
            case "GET", number, "comments":
                return as_json(200, [each for each in self.comments if each["issue"] == number])
            case "POST", number, "comments":
                given = {"id": len(self.comments) + 1, "issue": number}
                self.comments.append(json.loads(request.body) | given)
                return as_json(201, self.comments[-1])
            case "PATCH", "comments", number:
                self.comments[int(number) - 1] |= json.loads(request.body)
                return as_json(200, self.comments[int(number) - 1])
        return self._refuse(request)

    def _graphql(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The queries of `gh auth status`, `gh repo list` and `gh pr ready`."""
        if "viewer{login}" in query:
            return {"data": {"viewer": {"login": "someone"}}}
        assert variables
        name = query.split("(")[0].split()[1]
        if name == "RepositoryList":
            owner = variables["owner"]
            names = sorted(each.name for each in self.repository(owner).iterdir())
            urls = {each: f"https://github.com/{owner}/{each}" for each in names}
            nodes = [
                {
                    "nameWithOwner": f"{owner}/{each}",
                    "url": url,
                    "isArchived": each in self.archived,
                }
                for each, url in urls.items()
            ]
            listed = {"nodes": nodes, "pageInfo": {"hasNextPage": False}}
            return {"data": {"repositoryOwner": {"login": owner, "repositories": listed}}}
        if name == "PullRequestByNumber":
            pull = self.pulls[variables["pr_number"] - 1]
            found = {"id": str(pull["number"]), "number": pull["number"], "isDraft": pull["draft"]}
            return {"data": {"repository": {"pullRequest": found | {"state": "OPEN"}}}}
        draft = {"ConvertPullRequestToDraft": True, "PullRequestReadyForReview": False}[name]
        if draft and NO_DRAFTS in self.refusals:
            return {"errors": [{"message": NO_DRAFTS[1]}]}
        self.pulls[int(variables["input"]["pullRequestId"]) - 1]["draft"] = draft
        return {"data": {}}

    # https://docs.github.com/rest/releases

    def _release(self, name: str, /, tag_name: str, **details: Any) -> Answer:
        """Create a release and, like GitHub, its tag if it is missing."""
        repository = self.repository(name)
        if tag_name in (release["tag_name"] for release in self.releases):
            return as_json(422, {"message": "Validation Failed"})
        if not git(repository, "tag", "--list", tag_name):
            if NO_TAGS in self.refusals:
                return as_json(403, {"message": NO_TAGS[1]})
            git(repository, "tag", tag_name, details["target_commitish"])
        self.releases.append(details | {"tag_name": tag_name, "draft": False})
        return as_json(201, {"html_url": f"https://github.com/{name}/releases/tag/{tag_name}"})
