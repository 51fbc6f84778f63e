"""The differences of Prefect Cloud to Prefect's own server: API keys, and Modal's types."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.stand_ins.http_edge import Answer, Request, as_json, listen
from tests.stand_ins.modal_push_pool import POOL_TYPE, base_job_template
from tests.support.environment import clean_environment
from tests.support.prefect_server import PrefectServer

HOP_BY_HOP = {"accept-encoding", "authorization", "connection", "content-length", "host"}

WORKER = {
    "type": POOL_TYPE,
    "display_name": "Modal - Push",
    "description": "Execute flow runs as containers on Modal.",
    "default_base_job_configuration": base_job_template(),
}
REFUSAL = "Your plan does not support hybrid or push work pools."


@dataclass
class PrefectCloud:
    """One workspace of Prefect Cloud; the server behind it is a real one."""

    server: PrefectServer
    key: str
    """The only valid API key."""
    plan: str = "starter"
    """The plan; Prefect Cloud's free plan, `hobby`, has no push work pools."""
    account: str = field(default_factory=lambda: str(uuid.uuid4()))
    workspace: str = field(default_factory=lambda: str(uuid.uuid4()))
    address: str = ""
    refused: str = ""
    """A route that refuses every request; like Prefect's, the answer repeats the request."""

    @property
    def url(self) -> str:
        """The value of PREFECT_API_URL."""
        return f"{self.address}/api/accounts/{self.account}/workspaces/{self.workspace}"

    @property
    def ui_url(self) -> str:
        """The workspace's page in the console, at the address that Prefect derives."""
        return f"{self.address}/account/{self.account}/workspace/{self.workspace}"

    @property
    def description(self) -> dict[str, str]:
        """The answer about the workspace to `prefect cloud login`."""
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

    def answer(self, request: Request) -> Answer:
        """Check the key, add Cloud's own features, and leave the rest to the server."""
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return as_json(401, {"detail": "Invalid authentication credentials"})
        if request.path == "/api/me/workspaces":
            return as_json(200, [self.description])
        prefix = f"{self.url.removeprefix(self.address)}/"
        if not request.path.startswith(prefix):
            return as_json(403, {"detail": "Forbidden"})
        route = request.path.removeprefix(prefix)
        if route.strip("/") == self.refused and request.method != "GET":
            sent = json.loads(request.body or "null")
            return as_json(422, {"exception_message": "Invalid request", "request_body": sent})
        if self.plan == "hobby" and (request.method, route) == ("POST", "work_pools/"):
            return as_json(403, {"detail": REFUSAL})
        if route == "collections/work_pool_types":
            types = self.server.get("collections/views/aggregate-worker-metadata")
            return as_json(200, types | {"prefect-cloud": {WORKER["type"]: WORKER}})
        return self._forward(request, route)

    def _forward(self, request: Request, route: str) -> Answer:
        passed = {name: v for name, v in request.headers.items() if name.lower() not in HOP_BY_HOP}
        # Unlike a local server, Prefect Cloud has no database file that others lock.
        for seconds in (0, 1, 2, 4, 8):
            time.sleep(seconds)
            answer = httpx.request(
                request.method,
                f"{self.server.url}/{route}",
                params=request.query,
                headers=passed | {"Accept-Encoding": "identity"},
                content=request.body,
                follow_redirects=True,
                timeout=60,
            )
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
        kind = answer.headers.get("Content-Type", "application/json")
        return Answer(answer.status_code, answer.content, {"Content-Type": kind})


@contextmanager
def serve_cloud(server: PrefectServer, key: str) -> Iterator[PrefectCloud]:
    """Put a proxy that acts as Prefect Cloud in front of a server."""
    cloud = PrefectCloud(server, key)
    with listen(cloud.answer) as cloud.address:
        yield cloud
