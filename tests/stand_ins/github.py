"""github.com: repositories over HTTPS for git, and the API for gh."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from pathlib import Path

from tests.stand_ins.github_api import NOTHING, PUSH, READ, GitHubApi, Rights
from tests.stand_ins.http_edge import Answer, Request, identity, listen
from tests.support.environment import clean_environment

# The login of a laptop's owner; without one, git does not ask.
SETTINGS = """
[http]
    proxy = {proxy}
    sslCAInfo = {folder}/certificate.pem
[credential]
    helper = "!f() {{ test -z \\"$LOGIN\\" || printf 'username=x\\\\npassword=%s\\\\n' \\"$LOGIN\\"; }}; f"
"""


def new_token() -> str:
    return f"token-{secrets.token_hex(8)}"


@dataclass
class GitHub(GitHubApi):
    """Repositories that git and gh find at https://github.com/."""

    public: set[str] = field(default_factory=set)
    """The repositories that can be read without a token, such as `acme/flows`."""

    visible: dict[str, set[str]] = field(default_factory=dict)
    """The repositories of a token, if it is not for all of them."""

    def add_token(self, rights: Rights = PUSH) -> str:
        """Make a token with these rights."""
        self.rights[token := new_token()] = rights
        return token

    def environment(self, login: str = "") -> dict[str, str]:
        """Settings that send git and gh here, and git to no other host.

        With a login, they are a laptop's settings whose owner has given git and gh this token.
        """
        settings = {
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "GIT_TERMINAL_PROMPT": "0",
            "GH_CONFIG_DIR": str(self.folder / "gh"),
        }
        return settings | ({"LOGIN": login, "GH_TOKEN": login} if login else {})

    def answer_git(self, request: Request) -> Answer:
        """Check the rights; like GitHub, answer that an invisible repository does not exist."""
        _, owner, name, *rest = request.path.split("/")
        name = f"{owner}/{name.removesuffix('.git')}"
        writes = "git-receive-pack" in request.path + request.query
        anybody = READ if name in self.public else NOTHING
        seen = name in self.visible.get(request.token, {name})
        allowed = anybody | (self.rights.get(request.token, NOTHING) if seen else NOTHING)
        if not (PUSH if writes else READ) <= allowed:
            if request.token not in self.rights:
                return Answer(401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
            return Answer(403 if allowed else 404)
        self.requests.append(request)
        return self._backend(request, "/".join(["", name, *rest]))

    def _backend(self, request: Request, path: str) -> Answer:
        """The answer of git's own server: https://git-scm.com/docs/git-http-backend."""
        environment = clean_environment(
            GIT_PROJECT_ROOT=str(self.repository("")),
            GIT_HTTP_EXPORT_ALL="1",
            GIT_PROTOCOL=request.headers.get("Git-Protocol", ""),
            REMOTE_USER="someone",
            REQUEST_METHOD=request.method,
            PATH_INFO=path,
            QUERY_STRING=request.query,
            CONTENT_TYPE=request.headers.get("Content-Type", ""),
            CONTENT_LENGTH=str(len(request.body)),
            HTTP_CONTENT_ENCODING=request.headers.get("Content-Encoding", ""),
        )
        done = subprocess.run(
            ["git", "http-backend"],
            check=True, env=environment, input=request.body, capture_output=True,
        )  # fmt: skip
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(BytesHeaderParser().parsebytes(head))
        return Answer(int(headers.pop("Status", "200").split()[0]), body, headers)


@contextmanager
def serve_github(folder: Path) -> Iterator[GitHub]:
    """Be github.com for programs with `GitHub.environment`; everything is in the folder."""
    github = GitHub(folder, rights={})
    (folder / "repositories").mkdir(exist_ok=True)
    (folder / "gh").mkdir()
    (folder / "gh/config.yml").write_text(f"http_unix_socket: {folder}/socket\n")
    hosts = identity("github.com", folder / "certificate.pem")
    with (
        listen(github.answer, socket=folder / "socket"),
        listen(github.answer_git, hosts=hosts) as proxy,
    ):
        (folder / "gitconfig").write_text(SETTINGS.format(proxy=proxy, folder=folder))
        yield github
    assert github.unknown == [], github.unknown
