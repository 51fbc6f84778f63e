"""A stand-in for GitHub: git over HTTPS, and the few requests of its API that the workflows make.

The repository behind it is a real one. git and gh come to it as to GitHub itself,
under https://github.com/ and with a token that counts. What it does not know it
refuses, and keeps for the test to fail on.
"""

import base64
import gzip
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from tests.support.environment import clean_environment
from tests.support.git import git

NO_DRAFTS = 422, "Draft pull requests are not supported in this repository."
NO_PULLS = 403, "GitHub Actions is not permitted to create or approve pull requests."
NO_TAGS = 403, "Resource not accessible by integration"


@dataclass
class Request:
    """A request that was let in."""

    token: str
    method: str
    path: str
    body: dict


@dataclass
class GitHubApi:
    """The repository acme/flows, its pull requests and its releases."""

    repository: Path
    tokens: set[str]
    """Whoever brings one of these is let in."""
    pulls: list[dict] = field(default_factory=list)
    releases: list[dict] = field(default_factory=list)
    refusals: set[tuple[int, str]] = field(default_factory=set)
    """Which of the refusals above apply."""
    requests: list[Request] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def writes(self) -> list[Request]:
        """The requests that were to change something."""
        return [r for r in self.requests if r.method != "GET" and "upload-pack" not in r.path]

    def open(self, **pull: object) -> dict:
        """Open a pull request."""
        number = len(self.pulls) + 1
        url = f"https://github.com/acme/flows/pull/{number}"
        self.pulls.append(pull | {"number": number, "html_url": url, "state": "open"})
        return self.pulls[-1]

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, str, bytes]:
        """The status, the type and the body with which GitHub would answer."""
        if token not in self.tokens:
            return 401, "application/json", b'{"message": "Bad credentials"}'
        url = urlsplit(path)
        of_git = re.match(r"/acme/flows(\.git)?/(info/refs|git-upload-pack|git-receive-pack)", path)
        request = Request(token, method, path, {} if of_git else json.loads(body or "{}"))
        self.requests.append(request)
        if of_git:
            return 200, *self._git(of_git[2], url.query, body)
        status, answer = self._api(request, url.path, parse_qs(url.query))
        return status, "application/json", json.dumps(answer).encode()

    def _git(self, name: str, query: str, body: bytes) -> tuple[str, bytes]:
        """What git's server says: https://git-scm.com/docs/http-protocol."""
        service = query.removeprefix("service=") or name
        command = ["git", service.removeprefix("git-"), "--stateless-rpc", str(self.repository)]
        run = partial(subprocess.run, env=clean_environment(), check=True, capture_output=True)
        if name != "info/refs":
            return f"application/x-{service}-result", run(command, input=body).stdout
        refs = run([*command, "--advertise-refs"]).stdout
        head = f"# service={service}\n"
        head = f"{len(head) + 4:04x}{head}0000"
        return f"application/x-{service}-advertisement", head.encode() + refs

    def _api(self, request: Request, path: str, query: dict) -> tuple[int, object]:
        """What GitHub's REST and GraphQL APIs say: https://docs.github.com/rest."""
        match request.method, *path.removeprefix("/repos/acme/flows").strip("/").split("/"):
            case "GET", "pulls":
                assert query["head"] == ["acme:template-update"]
                (state,) = query["state"]
                return 200, [pull for pull in self.pulls[::-1] if state in ("all", pull["state"])]
            case "POST", "pulls" if NO_PULLS in self.refusals:
                return 403, {"message": NO_PULLS[1]}
            case "POST", "pulls" if request.body["draft"] and NO_DRAFTS in self.refusals:
                return 422, {"message": NO_DRAFTS[1]}
            case "POST", "pulls" if any(pull["state"] == "open" for pull in self.pulls):
                return 422, {"message": "A pull request already exists for acme:template-update."}
            case "POST", "pulls":
                return 201, self.open(**request.body)
            case "PATCH", "pulls", number:
                self.pulls[int(number) - 1] |= request.body
                return 200, self.pulls[int(number) - 1]
            case "GET", "releases":
                return 200, self.releases[::-1]
            case "POST", "releases":
                return self._release(**request.body)
            case "POST", "graphql":
                return 200, self._graphql(**request.body)
        self.unknown.append(f"{request.method} {request.path} {request.body}")
        return 501, {"message": "The stand-in does not know this."}

    def _release(self, tag_name: str, **details: object) -> tuple[int, dict]:
        """Like GitHub's own, it makes the tag too, where there is none."""
        if tag_name in (release["tag_name"] for release in self.releases):
            return 422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}
        if not git(self.repository, "tag", "--list", tag_name):
            if NO_TAGS in self.refusals:
                return 403, {"message": NO_TAGS[1]}
            git(self.repository, "tag", tag_name, details["target_commitish"])
        self.releases.append(details | {"tag_name": tag_name, "draft": False})
        return 201, {"html_url": f"https://github.com/acme/flows/releases/tag/{tag_name}"}

    def _graphql(self, query: str, variables: dict) -> dict:
        """What `gh pr ready` asks and changes."""
        name = re.match(r"\s*\w+ (\w+)", query)[1]
        if name == "PullRequestByNumber":
            pull = self.pulls[variables["pr_number"] - 1]
            found = {"id": str(pull["number"]), "number": pull["number"], "isDraft": pull["draft"]}
            return {"data": {"repository": {"pullRequest": found | {"state": "OPEN"}}}}
        draft = {"ConvertPullRequestToDraft": True, "PullRequestReadyForReview": False}[name]
        if draft and NO_DRAFTS in self.refusals:
            return {"errors": [{"message": NO_DRAFTS[1]}]}
        self.pulls[int(variables["input"]["pullRequestId"]) - 1]["draft"] = draft
        return {"data": {}}


class _Handler(BaseHTTPRequestHandler):
    """HTTP around `GitHubApi.answer`."""

    protocol_version = "HTTP/1.1"

    def __init__(self, api: GitHubApi, tls: ssl.SSLContext, *arguments: object) -> None:
        self.api, self.tls = api, tls
        super().__init__(*arguments)

    def do_CONNECT(self) -> None:
        """Be the proxy on git's way to github.com, and then github.com itself."""
        self.send_response(200)
        self.end_headers()
        self.request = self.tls.wrap_socket(self.request, server_side=True)
        self.setup()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            token = base64.b64decode(token).decode().partition(":")[2]
        try:
            status, kind, answer = self.api.answer(self.command, self.path, token, body)
        except Exception as error:
            self.api.unknown.append(f"{self.command} {self.path}: {error!r}")
            raise
        self.send_response(status)
        self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PATCH = do_GET

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def serve(api: GitHubApi, folder: Path) -> Iterator[dict[str, str]]:
    """Serve `api`, and give the environment in which git and gh take it for GitHub."""
    names = ["-subj", "/CN=github.com", "-addext", "subjectAltName=DNS:github.com"]
    made = ["-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", *names, *made],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    handler = partial(_Handler, api, tls)
    (folder / "gh").mkdir()
    (folder / "gh/config.yml").write_text(f"http_unix_socket: {folder / 'socket'}\n")
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as for_git,
        _UnixServer(str(folder / "socket"), handler) as for_gh,
    ):
        for server in (for_git, for_gh):
            Thread(target=server.serve_forever, daemon=True).start()
        (folder / "gitconfig").write_text(
            '[http "https://github.com/"]\n'
            f"proxy = http://127.0.0.1:{for_git.server_port}\n"
            f"sslCAInfo = {folder / 'certificate.pem'}\n"
        )
        yield {
            "GH_CONFIG_DIR": str(folder / "gh"),
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        }
        for server in (for_git, for_gh):
            server.shutdown()
