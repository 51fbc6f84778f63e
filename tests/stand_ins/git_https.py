"""GitHub's repositories over HTTP, with git's own server behind the question for a token."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser

from tests.stand_ins.github import GitHub
from tests.stand_ins.http_edge import Answer, Request, listen
from tests.support.environment import clean_environment

NOTHING: frozenset[str] = frozenset()
READ = NOTHING | {"git-upload-pack"}
PUSH = READ | {"git-receive-pack"}


@dataclass
class GitOverHttp:
    """The repositories of `github`; a token opens all of them, as far as its rights go."""

    github: GitHub
    rights: dict[str, frozenset[str]]
    """What each known token may do: PUSH, READ, or NOTHING."""
    public: set[str] = field(default_factory=set)
    """Which repositories can be read without a token, such as `acme/flows`."""
    address: str = ""

    def environment(self, token: str | None = None) -> dict[str, str]:
        """An environment in which git takes this for github.com, and reaches nothing else.

        With a token, it is that of a laptop whose owner is logged in with it.
        """
        answers = f"'username=x-access-token\\npassword={token}\\n'"
        settings = [
            (f"url.{self.address}/.insteadOf", "https://github.com/"),
            ("url.file:///no-such-host/.insteadOf", "https://"),
            ("credential.helper", f"!f() {{ printf {answers}; }}; f" if token else ""),
        ]
        environment = clean_environment(
            GIT_CONFIG_COUNT=str(len(settings)), GIT_TERMINAL_PROMPT="0"
        )
        for number, (name, value) in enumerate(settings):
            environment[f"GIT_CONFIG_KEY_{number}"] = name
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return environment

    def answer(self, request: Request) -> Answer:
        """Let in who may; to others say what GitHub says: a repository that they cannot see is none."""
        _, owner, name, *_ = request.path.split("/")
        repository = f"{owner}/{name.removesuffix('.git')}"
        writes = "git-receive-pack" in request.path + request.query
        anybody = READ if repository in self.public else NOTHING
        allowed = anybody | self.rights.get(request.token, NOTHING)
        if not (PUSH if writes else READ) <= allowed:
            if request.token not in self.rights:
                return Answer(401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
            return Answer(403 if allowed else 404)
        return self._git(request, request.path.replace(f"/{owner}/{name}", f"/{repository}", 1))

    def _git(self, request: Request, path: str) -> Answer:
        """What git's own server answers: https://git-scm.com/docs/git-http-backend."""
        environment = clean_environment(
            GIT_PROJECT_ROOT=str(self.github.folder),
            GIT_HTTP_EXPORT_ALL="1",
            GIT_PROTOCOL=request.headers.get("Git-Protocol", ""),
            REMOTE_USER="somebody",
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
def serve_git(github: GitHub, rights: dict[str, frozenset[str]]) -> Iterator[GitOverHttp]:
    """Serve GitHub's repositories to whoever brings one of these tokens."""
    git = GitOverHttp(github, rights)
    with listen(git.answer) as git.address:
        yield git
