# mypy: ignore-errors
"""The Prefect workspace that this machine is logged in to."""

import os
import re
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterId
from prefect.client.schemas.objects import WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import refresh_global_settings_context
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from tools.base.stop import CheckSkipped

CONSOLE = re.compile(r"(?:https://)?app\.prefect\.cloud/account/([\w-]+)/workspace/([\w-]+).*")
SECONDS = 15
"""The time limit for an answer of the server, in seconds."""
PAGE = 200
"""The maximum number of items in one answer of the server."""
API = r"https://api.prefect.cloud/api/accounts/\1/workspaces/\2"


def api_of_console(url: str) -> str:
    """The API's address for an address of the console; empty for other addresses."""
    found = CONSOLE.fullmatch(url)
    return found.expand(API) if found else ""


class Workspace:
    """Prefect's current settings, and a client that uses them."""

    def __init__(self) -> None:
        for name in ("PREFECT_API_KEY", "PREFECT_API_URL"):
            # A pasted key may end with a line break.
            if name in os.environ:
                os.environ[name] = os.environ[name].strip()
        # People often copy the console's address.
        if api := api_of_console(os.environ.get("PREFECT_API_URL", "")):
            os.environ["PREFECT_API_URL"] = api
        self.refresh()

    def refresh(self) -> None:
        """Read the settings again after a login."""
        refresh_global_settings_context()
        self.unreachable = ""
        self.__dict__.pop("client", None)
        self.forget()

    def forget(self) -> None:
        """Ask the server again after a change there."""
        self._pools: dict[str, WorkPool | None] = {}
        self._blocks: dict[tuple[str, str], dict[str, Any] | None] = {}
        for name in ("deployments", "flows"):
            self.__dict__.pop(name, None)

    @property
    def url(self) -> str:
        """The API's address; empty if none is configured."""
        return get_current_settings().api.url or ""

    @property
    def ui_url(self) -> str:
        return get_current_settings().ui_url or self.url

    @property
    def key(self) -> str:
        """The API key; empty if none is configured."""
        key = get_current_settings().api.key
        return key.get_secret_value() if key else ""

    @property
    def auth_string(self) -> str:
        """The auth string, which your own server may use instead of a key; empty if none is set."""
        given = get_current_settings().api.auth_string
        return given.get_secret_value() if given else ""

    @property
    def credentials(self) -> dict[str, str]:
        """The variables that another machine needs to reach the workspace."""
        names = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
        given = zip(names, (self.url, self.key, self.auth_string), strict=True)
        return {name: value for name, value in given if value}

    @cached_property
    def client(self) -> SyncPrefectClient:
        """A client, once the server has answered it.

        Raises:
            CheckSkipped: no API is configured, so Prefect would start its own; or the server
                does not answer. It is not asked a second time.
        """
        if not self.url:
            raise CheckSkipped("Prefect is not connected")
        if self.unreachable:
            raise CheckSkipped(self.unreachable)
        settings = {"timeout": SECONDS}
        client = SyncPrefectClient(
            self.url,
            api_key=self.key or None,
            auth_string=self.auth_string or None,
            httpx_settings=settings,
        )
        try:
            client.read_work_pools(limit=1)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if not isinstance(error, httpx.HTTPStatusError):
                self.unreachable = f"Prefect cannot be reached: {type(error).__name__}"
                raise CheckSkipped(self.unreachable) from None
        return client

    def work_pool(self, name: str) -> WorkPool | None:
        """The work pool of that name, if there is one; requested once."""
        if name not in self._pools:
            try:
                self._pools[name] = self.client.read_work_pool(name)
            except ObjectNotFound:
                self._pools[name] = None
        return self._pools[name]

    def block(self, kind: str, name: str) -> dict[str, Any] | None:
        """The contents of a block, with secrets, if the block exists; requested once."""
        if (kind, name) not in self._blocks:
            try:
                found = self.client.read_block_document_by_name(name, kind, include_secrets=True)
                self._blocks[kind, name] = found.data
            except ObjectNotFound:
                self._blocks[kind, name] = None
        return self._blocks[kind, name]

    @cached_property
    def deployments(self) -> list[DeploymentResponse]:
        """Every deployment in the workspace."""
        return pages(self.client.read_deployments)

    @cached_property
    def flows(self) -> dict[UUID, str]:
        """The names of the deployments' flows."""
        ids = list({each.flow_id for each in self.deployments})
        read = partial(self.client.read_flows, flow_filter=FlowFilter(id=FlowFilterId(any_=ids)))
        return {flow.id: flow.name for flow in pages(read)} if ids else {}


def pages(read: Callable[..., list[Any]]) -> list[Any]:
    """Read all pages of an answer."""
    found: list[Any] = []
    while page := read(limit=PAGE, offset=len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found
