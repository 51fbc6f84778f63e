"""The secrets of a GitHub repository, for the real gh."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from tests.stand_ins.http_edge import Answer, Request, as_json, listen
from tests.support.environment import clean_environment


@dataclass
class GitHubSecrets:
    """The Actions secrets of one repository, which GitHub alone can open."""

    repository: str
    tokens: set[str]
    """Whoever brings one of these may list, set and delete them."""
    powerless: set[str] = field(default_factory=set)
    """Tokens that GitHub knows, but that may not."""
    may_write: bool = True
    """Whether those with a right token may also change secrets."""
    values: dict[str, str] = field(default_factory=dict)
    """The secrets, opened."""
    unknown: list[str] = field(default_factory=list)
    """Requests for which there is no answer here; a test that finds one has gone wrong."""
    scopes: str = "repo"
    """What a classic token may do; a fine-grained one has no scopes."""
    folder: Path = Path()
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    def environment(self, token: str) -> dict[str, str]:
        """An environment in which gh comes here with that token."""
        return clean_environment(GH_CONFIG_DIR=str(self.folder), GH_TOKEN=token)

    def answer(self, request: Request) -> Answer:
        """What GitHub says: https://docs.github.com/rest/actions/secrets."""
        if request.token not in self.tokens | self.powerless:
            return as_json(401, {"message": "Bad credentials"})
        route = request.path.removeprefix(f"/repos/{self.repository}/actions/secrets")
        if route == request.path:
            return self._other(request)
        reading = request.method == "GET"
        if request.token in self.powerless or not (reading or self.may_write):
            return as_json(403, {"message": "Resource not accessible by personal access token"})
        match request.method, route.strip("/"):
            case "GET", "":
                listed = [
                    {"name": name, "updated_at": "2026-01-01T00:00:00Z"} for name in self.values
                ]
                return as_json(200, {"total_count": len(listed), "secrets": listed})
            case "GET", "public-key":
                return as_json(200, {"key_id": self.key_id, "key": self.public_key})
            case "PUT", name:
                return self._keep(name, **json.loads(request.body))
            case "DELETE", name if name in self.values:
                del self.values[name]
                return Answer(204)
        return self._other(request)

    @property
    def public_key(self) -> str:
        return base64.b64encode(bytes(self.key.public_key)).decode()

    @property
    def key_id(self) -> str:
        return str(int.from_bytes(bytes(self.key.public_key)[:8]))

    def _keep(self, name: str, key_id: str, encrypted_value: str) -> Answer:
        """Keep a secret that was sealed for this key, and for no other."""
        try:
            value = SealedBox(self.key).decrypt(base64.b64decode(encrypted_value)).decode()
        except (CryptoError, ValueError):
            return as_json(422, {"message": "The secret was not sealed with the repository's key"})
        if key_id != self.key_id:
            return as_json(422, {"message": "That is not the repository's key"})
        new = name not in self.values
        self.values[name] = value
        return as_json(201, {}) if new else Answer(204)

    def _other(self, request: Request) -> Answer:
        scopes = {"X-OAuth-Scopes": self.scopes} if self.scopes else {}
        if request.path == "/":
            return as_json(200, {}, **scopes)
        if request.path == "/graphql" and b"viewer{login}" in request.body:
            return as_json(200, {"data": {"viewer": {"login": "somebody"}}}, **scopes)
        if request.path.startswith("/repos/"):
            return as_json(404, {"message": "Not Found"})
        self.unknown.append(f"{request.method} {request.path} {request.body.decode()}")
        return as_json(501, {"message": "The stand-in does not know this."})


@contextmanager
def serve_secrets(folder: Path, repository: str, tokens: set[str]) -> Iterator[GitHubSecrets]:
    """Keep the secrets of a repository; what gh needs to come here is in `folder`."""
    secrets = GitHubSecrets(repository, tokens, folder=folder)
    (folder / "config.yml").write_text(f"http_unix_socket: {folder / 'socket'}\n")
    with listen(secrets.answer, folder / "socket"):
        yield secrets
