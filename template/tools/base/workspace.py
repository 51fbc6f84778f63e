# mypy: ignore-errors
"""The Prefect workspace that this machine is logged in to."""

import os
import re
from functools import cached_property
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import refresh_global_settings_context
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from tools.base.stop import CheckSkipped

CONSOLE = re.compile(r"(?:https://)?app\.prefect\.cloud/account/([\w-]+)/workspace/([\w-]+).*")
API = r"https://api.prefect.cloud/api/accounts/\1/workspaces/\2"


def api_of_console(url: str) -> str:
    """The API's address, if this is the console's; else nothing."""
    found = CONSOLE.fullmatch(url)
    return found.expand(API) if found else ""


class Workspace:
    """Prefect's settings as they are now, and a client that uses them."""

    def __init__(self) -> None:
        # The console's address is what people have at hand.
        if api := api_of_console(os.environ.get("PREFECT_API_URL", "")):
            os.environ["PREFECT_API_URL"] = api
        self.refresh()

    def refresh(self) -> None:
        """Read the settings again: a login has changed them."""
        refresh_global_settings_context()
        for name in ("client", "deployments"):
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

    @cached_property
    def client(self) -> SyncPrefectClient:
        """A client.

        Raises:
            CheckSkipped: no API is configured, and Prefect would start one of its own.
        """
        if not self.url:
            raise CheckSkipped("Prefect is not connected")
        return SyncPrefectClient(self.url, api_key=self.key or None)

    def work_pool(self, name: str) -> WorkPool | None:
        """The work pool of that name, if there is one."""
        try:
            return self.client.read_work_pool(name)
        except ObjectNotFound:
            return None

    def block(self, kind: str, name: str, secrets: bool = False) -> dict[str, Any] | None:
        """What a block holds, if there is such a block."""
        try:
            read = self.client.read_block_document_by_name
            return read(name, kind, include_secrets=secrets).data
        except ObjectNotFound:
            return None

    @cached_property
    def deployments(self) -> list[DeploymentResponse]:
        """Every deployment in the workspace."""
        found, page = [], self.client.read_deployments(limit=200)
        while page:
            found += page
            page = self.client.read_deployments(limit=200, offset=len(found))
        return found
