"""The stand-ins at the network's edge let the real programs do what is right, and only that."""

import base64
import json
import re
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from nacl.public import PrivateKey, SealedBox
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from tests.stand_ins.git_https import NOTHING, PUSH, READ, GitOverHttp
from tests.stand_ins.github import GitHub
from tests.stand_ins.github_secrets import GitHubSecrets
from tests.stand_ins.prefect_cloud import VARIABLES, PrefectCloud
from tests.support.git import commit, git
from tests.support.prefect_server import PrefectServer

pytestmark = pytest.mark.e2e
Done = subprocess.CompletedProcess[str]


def new_token() -> str:
    return f"token-{secrets.token_hex(8)}"


def run(*command: object, env: dict[str, str], sent: str = "", cwd: Path | None = None) -> Done:
    """Run a command that can ask nobody."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, env=env, input=sent, cwd=cwd, capture_output=True, text=True, check=False
    )


# Prefect Cloud


def create_pool(name: str, env: dict[str, str], home: Path, secret: str) -> Done:
    """Create a work pool for Modal with Prefect's own command, on a machine without a terminal."""
    words = ["work-pool", "create", "--type", "modal:push", "--provision-infra", name]
    environment = env | {"HOME": str(home), "MODAL_CONFIG_PATH": str(home / "modal.toml")}
    environment |= {"MODAL_TOKEN_ID": "token-id", "MODAL_TOKEN_SECRET": secret}
    return run(sys.executable, "-m", "prefect", "--no-prompt", *words, env=environment)


def test_a_modal_pool_is_made_with_the_token_of_the_environment(
    prefect_cloud: PrefectCloud, tmp_path: Path
) -> None:
    done = create_pool("made", prefect_cloud.environment(), tmp_path, secret := new_token())
    assert done.returncode == 0, done.stdout + done.stderr
    assert prefect_cloud.token_of("made") == {"token_id": "token-id", "token_secret": secret}
    with SyncPrefectClient(prefect_cloud.url, api_key=prefect_cloud.key) as client:
        pool = client.read_work_pool("made")
        name = "made-modal-credentials"
        block = client.read_block_document_by_name(name, "modal-credentials", include_secrets=False)
    assert pool.type == "modal:push"
    variables = pool.base_job_template["variables"]["properties"]
    assert variables.keys() == VARIABLES.keys()
    reference = variables["modal_credentials"]["default"]["$ref"]
    assert reference == {"block_document_id": str(block.id)}
    assert block.data["token_secret"] == "*" * 8


def test_only_the_edge_knows_modals_pools(prefect_server: PrefectServer, tmp_path: Path) -> None:
    done = create_pool("plain", prefect_server.environment(), tmp_path, new_token())
    assert done.returncode == 1
    assert "Unknown work pool type 'modal:push'" in done.stdout + done.stderr


def test_prefects_command_is_refused_with_a_wrong_key(
    prefect_cloud: PrefectCloud, tmp_path: Path
) -> None:
    environment = prefect_cloud.environment() | {"PREFECT_API_KEY": new_token()}
    done = create_pool("refused", environment, tmp_path, new_token())
    assert done.returncode == 1
    assert "401 Unauthorized" in done.stdout + done.stderr
    assert httpx.get(f"{prefect_cloud.server.url}/work_pools/refused").status_code == 404


@pytest.mark.parametrize("key", [None, "", "another"])
def test_no_request_passes_without_the_key(prefect_cloud: PrefectCloud, key: str | None) -> None:
    with (
        SyncPrefectClient(prefect_cloud.url, api_key=key) as client,
        pytest.raises(PrefectHTTPStatusError) as refusal,
    ):
        client.read_work_pools()
    assert refusal.value.response.status_code == 401


def test_the_key_is_for_one_workspace(prefect_cloud: PrefectCloud) -> None:
    url = prefect_cloud.url.replace(prefect_cloud.workspace, prefect_cloud.account)
    with (
        SyncPrefectClient(url, api_key=prefect_cloud.key) as client,
        pytest.raises(PrefectHTTPStatusError) as refusal,
    ):
        client.read_work_pools()
    assert refusal.value.response.status_code == 403


def test_all_else_is_answered_by_the_server(prefect_cloud: PrefectCloud) -> None:
    server = prefect_cloud.server
    with SyncPrefectClient(prefect_cloud.url, api_key=prefect_cloud.key) as client:
        with pytest.raises(ObjectNotFound):
            client.read_deployment_by_name("no/such")
        flow = client.create_flow_from_name("edge")
        deployment = client.create_deployment(flow_id=flow, name="edge")
        assert server.deployment("edge")["id"] == str(deployment)
        client.delete_deployment(deployment)
    assert server.post("deployments/count", deployments={"name": {"any_": ["edge"]}}) == 0


# Repositories over HTTP


@pytest.fixture
def repository(github: GitHub, tmp_path: Path) -> str:
    """A repository on GitHub with one commit, and a clone of it in `laptop`."""
    name = f"acme/{tmp_path.name.replace('_', '-')}"
    bare = github.create(name)
    (laptop := tmp_path / "laptop").mkdir()
    commit(laptop)
    git(laptop, "push", "--quiet", str(bare), "main")
    git(laptop, "remote", "add", "origin", f"https://github.com/{name}")
    return name


def read(repository: str, env: dict[str, str], *options: str) -> Done:
    return run("git", *options, "ls-remote", f"https://github.com/{repository}", env=env)


@pytest.mark.parametrize("form", ["anybody:{}", "{}:"])
def test_a_token_is_a_password_or_a_user_without_one(
    git_https: GitOverHttp, github: GitHub, repository: str, form: str
) -> None:
    user, _, password = form.format(github.token).partition(":")
    helper = f"!f() {{ printf 'username={user}\\npassword={password}\\n'; }}; f"
    done = read(repository, git_https.environment(), "-c", f"credential.helper={helper}")
    assert re.fullmatch(r"(\w{40}\t(HEAD|refs/heads/main)\n){2}", done.stdout), done.stderr


def test_a_private_repository_is_read_by_nobody_else(
    git_https: GitOverHttp, repository: str
) -> None:
    git_https.rights[of_another := new_token()] = NOTHING
    for token, reason in {
        None: "could not read Username",
        new_token(): "Authentication failed",
        of_another: "not found",
    }.items():
        done = read(repository, git_https.environment(token))
        assert (done.returncode, done.stdout) == (128, "")
        assert reason in done.stderr


def test_a_public_repository_is_read_without_a_token_but_not_pushed_to(
    git_https: GitOverHttp, repository: str, tmp_path: Path
) -> None:
    git_https.public = {repository}
    assert read(repository, git_https.environment()).returncode == 0
    push = ["git", "push", "origin", "main:copy"]
    done = run(*push, env=git_https.environment(), cwd=tmp_path / "laptop")
    assert "could not read Username" in done.stderr


@pytest.mark.parametrize("rights", [READ, PUSH])
def test_a_token_pushes_if_it_may(
    git_https: GitOverHttp, repository: str, tmp_path: Path, rights: frozenset[str]
) -> None:
    git_https.rights[token := new_token()] = rights
    environment = git_https.environment(token)
    (laptop := tmp_path / "laptop").joinpath("large").write_text(secrets.token_hex(2_000_000))
    commit(laptop)
    done = run("git", "push", "origin", "main", env=environment, cwd=laptop)
    pushed = git(laptop, "rev-parse", "main") in read(repository, environment).stdout
    assert (done.returncode == 0, pushed) == (rights == PUSH, rights == PUSH)
    assert ("returned error: 403" in done.stderr) == (rights == READ)
    url = f"https://github.com/{repository}.git"
    cloned = run("git", "clone", "--depth", "1", url, tmp_path / "clone", env=environment)
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "clone/large").exists() == pushed


# A repository's secrets


def gh(env: dict[str, str], *words: str, sent: str = "", repository: str = "acme/flows") -> Done:
    return run("gh", *words, "--repo", f"github.com/{repository}", env=env, sent=sent)


def names(env: dict[str, str]) -> list[str]:
    return [s["name"] for s in json.loads(gh(env, "secret", "list", "--json", "name").stdout)]


def test_a_secret_arrives_sealed_and_is_listed_by_its_name(
    github_secrets: GitHubSecrets, github: GitHub
) -> None:
    environment = github_secrets.environment(github.token)
    assert names(environment) == []
    for value in ("älter, \"$HOME\" 'x'", new_token()):
        done = gh(environment, "secret", "set", "PREFECT_API_KEY", sent=value)
        assert done.returncode == 0, done.stderr
        assert github_secrets.values == {"PREFECT_API_KEY": value}
    assert names(environment) == ["PREFECT_API_KEY"]
    assert github_secrets.unknown == []


@pytest.mark.parametrize("words", [("list",), ("set", "PREFECT_API_KEY")])
def test_nobody_else_sees_or_sets_a_secret(
    github_secrets: GitHubSecrets, github: GitHub, words: tuple[str, ...]
) -> None:
    github_secrets.powerless.add(visitor := new_token())
    for token, repository, reason in (
        (visitor, "acme/flows", "HTTP 403: Resource not accessible"),
        (new_token(), "acme/flows", "HTTP 401: Bad credentials"),
        (github.token, "acme/other", "HTTP 404: Not Found"),
        (github.token, "acme/flows2", "HTTP 404: Not Found"),
    ):
        environment = github_secrets.environment(token)
        done = gh(environment, "secret", *words, sent="value", repository=repository)
        assert (done.returncode, done.stdout) == (1, "")
        assert reason in done.stderr
    assert github_secrets.values == {}


def test_a_value_that_was_not_sealed_for_this_repository_is_refused(
    github_secrets: GitHubSecrets, github: GitHub
) -> None:
    def put(value: bytes, key_id: str) -> int:
        transport = httpx.HTTPTransport(uds=str(github_secrets.folder / "socket"))
        with httpx.Client(transport=transport) as client:
            return client.put(
                "http://localhost/repos/acme/flows/actions/secrets/NAME",
                headers={"Authorization": f"token {github.token}"},
                json={"encrypted_value": base64.b64encode(value).decode(), "key_id": key_id},
            ).status_code

    key_id, ours = github_secrets.key_id, github_secrets.key.public_key
    another = PrivateKey.generate().public_key
    assert put(b"value", key_id) == 422
    assert put(SealedBox(another).encrypt(b"value"), key_id) == 422
    assert put(SealedBox(ours).encrypt(b"value"), "0") == 422
    assert github_secrets.values == {}
    assert put(SealedBox(ours).encrypt(b"value"), key_id) == 201
    assert github_secrets.values == {"NAME": "value"}


def test_gh_can_say_what_its_token_may_do(github_secrets: GitHubSecrets) -> None:
    github_secrets.tokens.add(token := f"gho_{secrets.token_hex(4)}")
    github_secrets.scopes = "repo, workflow"
    environment = github_secrets.environment(token)
    done = run("gh", "auth", "status", "--hostname", "github.com", env=environment)
    assert "Token scopes: 'repo', 'workflow'" in done.stdout, done.stderr
    assert github_secrets.unknown == []
