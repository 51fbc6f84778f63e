"""A work pool's name is accepted exactly if Prefect can work with it; the oracle is its server."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from tests.support.prefect_server import PrefectServer

pytestmark = pytest.mark.e2e
Macro = Callable[..., str]
CONFLICT = 409
names = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.text(st.sampled_from([*"ab '\"$:%&<>/?#.\\{}`é😀\t\u00a0"]), max_size=8),
    st.text(st.sampled_from([*"PpRrEeFfCcTt"]), max_size=3).map(lambda end: f"prefect{end}"),
)


@pytest.fixture(scope="module")
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(prefect_server.url) as client:
        yield client


def prefect_works_with(server: PrefectServer, client: SyncPrefectClient, name: str) -> bool:
    """Whether the server creates the pool, and Prefect's client then finds it."""
    if server.create_push_pool(name).status_code not in (httpx.codes.CREATED, CONFLICT):
        return False
    try:
        return client.read_work_pool(name).name == name
    except (ObjectNotFound, PrefectHTTPStatusError, httpx.InvalidURL):
        return False


@settings(max_examples=100, deadline=None)
@given(name=names)
@example('it\'s "$HOME": 😀')
@example("a#b")
@example("a?b")
@example("..")
@example("Prefect-pool")
@example("--help")
def test_a_name_is_taken_exactly_when_prefect_works_with_it(
    prefect_server: PrefectServer, client: SyncPrefectClient, macro: Macro, name: str
) -> None:
    beyond_prefect = "{{" in name or name != name.strip() or macro("text.error", name) != ""
    taken = macro("work_pool.error", name) == ""
    assert taken == (prefect_works_with(prefect_server, client, name) and not beyond_prefect)
