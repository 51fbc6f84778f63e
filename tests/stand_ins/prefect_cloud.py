"""Prefect Cloud, as far as it differs from Prefect's own server: API keys, and Modal's types."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.stand_ins.http_edge import Answer, Request, as_json, listen
from tests.support.environment import clean_environment
from tests.support.prefect_server import PrefectServer

HOP_BY_HOP = {"accept-encoding", "authorization", "connection", "content-length", "host"}

# Prefect does not publish what Cloud has here. `env`, `image` and `pip_packages` have been seen
# in use, and the provisioner in Prefect's client needs `modal_credentials`; the rest is likely.
VARIABLES = {
    "name": {"title": "Name", "type": "string"},
    "env": {"title": "Environment", "type": "object", "additionalProperties": {"type": "string"}},
    "image": {"title": "Image", "anyOf": [{"type": "string"}, {"type": "object"}]},
    "pip_packages": {"title": "Pip Packages", "type": "array", "items": {"type": "string"}},
    "cpu": {"title": "CPU", "type": "number"},
    "memory": {"title": "Memory", "type": "integer"},
    "gpu": {"title": "GPU", "type": "string"},
    "timeout": {"title": "Timeout", "type": "integer", "default": 86400},
    "modal_credentials": {
        "title": "Modal Credentials",
        "allOf": [{"$ref": "#/definitions/ModalCredentials"}],
    },
}
CREDENTIALS = {
    "title": "ModalCredentials",
    "type": "object",
    "properties": {
        "token_id": {"title": "Token ID", "type": "string"},
        "token_secret": {
            "title": "Token Secret",
            "type": "string",
            "format": "password",
            "writeOnly": True,
        },
    },
    "required": ["token_id", "token_secret"],
    "secret_fields": ["token_secret"],
    "block_type_slug": "modal-credentials",
    "block_schema_references": {},
}
WORKER = {
    "type": "modal:push",
    "display_name": "Modal - Push",
    "description": "Execute flow runs as containers on Modal.",
    "default_base_job_configuration": {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in VARIABLES},
        "variables": {
            "type": "object",
            "properties": VARIABLES,
            "definitions": {"ModalCredentials": CREDENTIALS},
            "required": ["modal_credentials"],
        },
    },
}


@dataclass
class PrefectCloud:
    """One workspace of Prefect Cloud; the server behind it is a real one."""

    server: PrefectServer
    key: str
    """The one API key that is let in."""
    account: str = field(default_factory=lambda: str(uuid.uuid4()))
    workspace: str = field(default_factory=lambda: str(uuid.uuid4()))
    address: str = ""
    refused: str = ""
    """A route to which nothing can be sent; the answer repeats what was, as Prefect's does."""

    @property
    def url(self) -> str:
        """What PREFECT_API_URL has to be."""
        return f"{self.address}/api/accounts/{self.account}/workspaces/{self.workspace}"

    @property
    def description(self) -> dict[str, str]:
        """What `prefect cloud login` is told of the workspace."""
        names = {"account_name": "Acme", "account_handle": "acme"}
        names |= {"workspace_name": "Flows", "workspace_handle": "flows"}
        ids = {"account_id": self.account, "workspace_id": self.workspace}
        return ids | names | {"workspace_description": ""}

    def environment(self) -> dict[str, str]:
        """The environment of a machine that has the key; it takes this address for Cloud's."""
        return clean_environment(
            PREFECT_CLOUD_API_URL=f"{self.address}/api",
            PREFECT_API_URL=self.url,
            PREFECT_API_KEY=self.key,
            PREFECT_HOME=str(self.server.home),
        )

    def token_of(self, pool: str) -> dict[str, str]:
        """The Modal token with which the work pool of that name starts containers."""
        path = "block_types/slug/modal-credentials/block_documents/name"
        document = self.server.get(f"{path}/{pool}-modal-credentials?include_secrets=true")
        data: dict[str, str] = document["data"]
        return data

    def add_credentials_type(self) -> None:
        """Give the server the block type in which Cloud keeps Modal's tokens."""
        found = httpx.get(f"{self.server.url}/block_types/slug/modal-credentials")
        if found.status_code == httpx.codes.NOT_FOUND:
            name = {"name": "Modal Credentials", "slug": "modal-credentials"}
            block_type = self.server.post("block_types/", **name)
            self.server.post(
                "block_schemas/", block_type_id=block_type["id"], fields=CREDENTIALS, version="1.0"
            )

    def answer(self, request: Request) -> Answer:
        """Check the key, add what only Cloud has, and leave the rest to the server."""
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return as_json(401, {"detail": "Invalid authentication credentials"})
        if request.path == "/api/me/workspaces":
            return as_json(200, [self.description])
        prefix = f"{self.url.removeprefix(self.address)}/"
        if not request.path.startswith(prefix):
            return as_json(403, {"detail": "Forbidden"})
        route = request.path.removeprefix(prefix)
        if route.strip("/") == self.refused and request.method != "GET":
            sent = json.loads(request.body)
            return as_json(422, {"exception_message": "Invalid request", "request_body": sent})
        if route == "collections/work_pool_types":
            types = self.server.get("collections/views/aggregate-worker-metadata")
            return as_json(200, types | {"prefect-cloud": {WORKER["type"]: WORKER}})
        return self._forward(request, route)

    def _forward(self, request: Request, route: str) -> Answer:
        passed = {name: v for name, v in request.headers.items() if name.lower() not in HOP_BY_HOP}
        answer = httpx.request(
            request.method,
            f"{self.server.url}/{route}",
            params=request.query,
            headers=passed | {"Accept-Encoding": "identity"},
            content=request.body,
            follow_redirects=True,
            timeout=60,
        )
        kind = answer.headers.get("Content-Type", "application/json")
        return Answer(answer.status_code, answer.content, {"Content-Type": kind})


@contextmanager
def serve_cloud(server: PrefectServer, key: str) -> Iterator[PrefectCloud]:
    """Put Prefect Cloud's edge before a server."""
    cloud = PrefectCloud(server, key)
    cloud.add_credentials_type()
    with listen(cloud.answer) as cloud.address:
        yield cloud
