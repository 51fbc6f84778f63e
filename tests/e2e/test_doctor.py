"""`make doctor` names each fault and how to mend it, and nothing else."""

import copy
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import httpx
import pytest

from tests.stand_ins.laptop import Laptop
from tests.support.changes import edit
from tests.support.git import commit, git

pytestmark = pytest.mark.e2e
Env = dict[str, str | None]
Fault = Callable[[Laptop], AbstractContextManager[Env]]


@pytest.fixture(scope="module")
def laptop(start: Callable[..., Laptop]) -> Laptop:
    """A laptop that `make bootstrap` has made ready."""
    laptop = start()
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert laptop.doctor() == {}
    return laptop


def environment(**extra: str | None) -> Fault:
    return lambda _: nullcontext(extra)


def in_file(name: str, pattern: str, replacement: str) -> Fault:
    """A line that is wrong, until git restores it."""

    @contextmanager
    def fault(laptop: Laptop) -> Iterator[Env]:
        edit(laptop.project / name, pattern, replacement)
        try:
            yield {}
        finally:
            git(laptop.project, "checkout", "--quiet", "HEAD", "--", name)

    return fault


def in_prefect_yaml(pattern: str, replacement: str) -> Fault:
    return in_file("prefect.yaml", pattern, replacement)


def on_the_server(path: str, before: dict, after: dict) -> Fault:
    @contextmanager
    def fault(laptop: Laptop) -> Iterator[Env]:
        url = f"{laptop.cloud.server.url}/{path}/{laptop.pool}"
        httpx.patch(url, json=before).raise_for_status()
        yield {}
        httpx.patch(url, json=after).raise_for_status()

    return fault


def file_is_gone(name: str) -> Fault:
    @contextmanager
    def fault(laptop: Laptop) -> Iterator[Env]:
        (laptop.project / name).unlink()
        try:
            yield {}
        finally:
            git(laptop.project, "checkout", "--quiet", "HEAD", "--", name)

    return fault


@contextmanager
def without_credentials(laptop: Laptop) -> Iterator[Env]:
    url = f"{laptop.cloud.server.url}/work_pools/{laptop.pool}"
    before = httpx.get(url).json()["base_job_template"]
    after = copy.deepcopy(before)
    del after["variables"]["properties"]["modal_credentials"]["default"]
    httpx.patch(url, json={"base_job_template": after}).raise_for_status()
    yield {}
    httpx.patch(url, json={"base_job_template": before}).raise_for_status()


@contextmanager
def lock_file_not_committed(laptop: Laptop) -> Iterator[Env]:
    git(laptop.project, "rm", "--quiet", "--cached", "uv.lock")
    yield {}
    git(laptop.project, "reset", "--quiet")


@contextmanager
def old_uv(laptop: Laptop) -> Iterator[Env]:
    (folder := laptop.home / "old").mkdir()
    (uv := folder / "uv").write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo uv 0.5.6 || exec uv "$@"\n'
    )
    uv.chmod(0o755)
    yield {"MAKEFLAGS": f"UV={uv}"}


@contextmanager
def missing_block(laptop: Laptop) -> Iterator[Env]:
    name = f"{laptop.name.split('/')[1]}"
    path = f"block_types/slug/github-credentials/block_documents/name/{name}"
    server = laptop.cloud.server
    httpx.delete(f"{server.url}/block_documents/{server.get(path)['id']}").raise_for_status()
    yield {}
    assert laptop.bootstrap()[0]


@contextmanager
def expired_token(laptop: Laptop) -> Iterator[Env]:
    rights = laptop.github.rights.pop(laptop.token)
    yield {}
    laptop.github.rights[laptop.token] = rights


@contextmanager
def missing_secret(laptop: Laptop) -> Iterator[Env]:
    value = laptop.github.secrets.pop("PREFECT_API_KEY")
    yield {}
    laptop.github.secrets["PREFECT_API_KEY"] = value


@contextmanager
def newer_release(laptop: Laptop) -> Iterator[Env]:
    commit(laptop.template, tag="v99.0.0")
    yield {}
    git(laptop.template, "tag", "--delete", "v99.0.0")


@contextmanager
def not_pushed(laptop: Laptop) -> Iterator[Env]:
    git(laptop.project, "commit", "--quiet", "--allow-empty", "--message", "mine")
    yield {}
    git(laptop.project, "reset", "--quiet", "--hard", "HEAD^")


@contextmanager
def not_deployed(laptop: Laptop) -> Iterator[Env]:
    laptop.push()
    yield {}
    done = laptop.run("make", "prefect-deploy")
    assert done.returncode == 0, done.stdout


@contextmanager
def another_repository(laptop: Laptop) -> Iterator[Env]:
    url = git(laptop.project, "remote", "get-url", "origin")
    git(laptop.project, "remote", "set-url", "origin", "git@github.com:acme/other.git")
    yield {}
    git(laptop.project, "remote", "set-url", "origin", url)


CHANGED = {"Commit": "has changes that are not committed"}
FAULTS: dict[str, tuple[Fault, dict[str, str]]] = {
    "an old uv": (old_uv, {"uv": "uv 0.5.6 is not <1,>=0.9. uv self update"}),
    "a stale lock file": (
        in_file("pyproject.toml", r'"fastapi<0\.151"', '"fastapi<0.150"'),
        {"Lock file": "does not match pyproject.toml. uv lock"} | CHANGED,
    ),
    "another Python": (
        in_file(".python-version", r"^3\.\d+$", "3.99"),
        {"Python": ".python-version is 3.99, this is Python 3."} | CHANGED,
    ),
    "a Python that the project does not take": (
        in_file(".python-version", r"^3\.\d+$", "3.9"),
        {"Python": ".python-version is 3.9, pyproject.toml wants >=3."} | CHANGED,
    ),
    "an answer that would bring another Python back": (
        in_file(".copier-answers.yml", r"python_version: .*", "python_version: '3.99'"),
        {"Python": "the answer 3.99. uvx copier update --data python_version=3."} | CHANGED,
    ),
    "a lock file that is gone": (
        file_is_gone("uv.lock"), {"Lock file": "does not match pyproject.toml. uv lock"} | CHANGED,
    ),
    "a missing uv": (
        environment(MAKEFLAGS="UV=/no/uv"), {"uv": "uv is missing. make setup"},
    ),
    "a misspelt key": (
        in_prefect_yaml("work_queue_name:", "work_queue:"),
        {"Keys": "'work_queue' was unexpected"} | CHANGED,
    ),
    "a misspelt key of a schedule": (
        in_prefect_yaml("timezone:", "timezon:"),
        {"Keys": "'timezon'"} | CHANGED,
    ),
    "a value of the wrong type": (
        in_prefect_yaml("paused: false", "paused: sometimes"),
        {"Keys": "'sometimes'"} | CHANGED,
    ),
    "a schedule without a slug": (
        in_prefect_yaml(r"- slug: primary\n +cron", "- cron"),
        {"Schedules": "a schedule without a slug. add slug:"} | CHANGED,
    ),
    "a schedule that is no cron": (
        in_prefect_yaml(r"cron: .*", 'cron: "61 * * * *"'),
        {"Schedules": "61 * * * *"} | CHANGED,
    ),
    "a deployment that does not say whether it is paused": (
        in_prefect_yaml(r" +paused: false\n", ""),
        {"Schedules": "add paused: false to it"} | CHANGED,
    ),
    "a secret in a job variable": (
        in_prefect_yaml("env:$", 'gpu: "{{ prefect.blocks.secret.gpu.value }}"\n        env:'),
        {
            "Secrets": "Prefect would store gpu in plain text. load the block",
            "Blocks": "the block gpu of type secret is missing",
        }
        | CHANGED,
    ),
    "a job variable that the work pool does not know": (
        in_prefect_yaml("env:$", "cpus: 2\n        env:"),
        {"Job variables": "has no variable cpus. use one of cpu, env, gpu"} | CHANGED,
    ),
    "a container that does not know its Python": (
        in_prefect_yaml("UV_PROJECT_ENVIRONMENT: /", "OTHER: /"),
        {"Containers": "does not set UV_PROJECT_ENVIRONMENT. copy job_variables"} | CHANGED,
    ),
    "a flow that is not there": (
        in_prefect_yaml("flow1:main", "flow1:mian"),
        {
            "Containers": "flow1:mian, which is not there. correct its entrypoint, as MODULE:FUNCTION",
            "Deployment": "is not deployed",
            "Left over": "is deployed, but not in prefect.yaml",
        }
        | CHANGED,
    ),
    "an entrypoint that names no flow": (
        in_prefect_yaml("flow1:main", "flow1"),
        {
            "Containers": "flow1:, which is not there. correct its entrypoint",
            "Deployment": "is not deployed",
            "Left over": "is deployed, but not in prefect.yaml",
        }
        | CHANGED,
    ),
    "a renamed deployment": (
        in_prefect_yaml(r"- name: .*-example\"", '- name: "renamed"'),
        {
            "Left over": "is deployed, but not in prefect.yaml. uv run prefect deployment delete main/",
            "Deployment": "renamed is not deployed. make prefect-deploy",
        }
        | CHANGED,
    ),
    "a missing work pool": (
        in_prefect_yaml(r"work_pool:\n +name: .*", 'work_pool:\n      name: "none"'),
        {
            "Work pool": "none is missing. make bootstrap",
            "Job variables": "unknown: the work pool none is missing",
        }
        | CHANGED,
    ),
    "a paused work pool": (
        on_the_server("work_pools", {"is_paused": True}, {"is_paused": False}),
        {"Work pool": "is paused. uv run prefect work-pool resume laptop"},
    ),
    "a deployment without a work pool": (
        in_prefect_yaml(r"^    work_pool:\n(?:      .*\n)+", ""),
        dict.fromkeys(
            ("Secrets", "Containers", "Job variables", "Work pool"), "example has no work_pool: copy"
        )
        | CHANGED,
    ),
    "no deployment at all": (
        in_prefect_yaml(r"^deployments:\n(?s:.*)", "deployments: []\n"),
        dict.fromkeys(
            ("Schedules", "Secrets", "Containers", "Job variables", "Left over", "Work pool",
             "Deployment"),
            "unknown: prefect.yaml has no deployments",
        )
        | CHANGED,
    ),
    "a prefect.yaml that is no YAML": (
        in_prefect_yaml(r"^pull:", "pull: ["),
        {"Keys": "wrong: while parsing"}
        | dict.fromkeys(
            ("Schedules", "Secrets", "Containers", "Job variables", "Left over", "GitHub token",
             "Work pool",
             "GitHub secrets", "Remote", "Deployment"),
            "unknown: prefect.yaml is not as Prefect wants it",
        )
        | {"Commit": "unknown: prefect.yaml is not"},
    ),
    "a work pool without Modal's token": (
        without_credentials, {"Work pool": "has no Modal token. choose Modal credentials"},
    ),
    "a missing block": (
        missing_block,
        {
            "Blocks": "of type github-credentials is missing. make bootstrap",
            "GitHub token": "is missing. make bootstrap",
        },
    ),
    "an expired token": (expired_token, {"GitHub token": "is refused: fatal: "}),
    "half of Modal's token": (
        environment(MODAL_TOKEN_SECRET=None),
        {"Modal token": "half of a token. set both MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"},
    ),
    "a missing GitHub secret": (missing_secret, {"GitHub secrets": "lacks PREFECT_API_KEY. make"}),
    "no API": (environment(PREFECT_API_URL=None), {"Prefect": "no API is configured. uv run"}),
    "a refused key": (environment(PREFECT_API_KEY="other"), {"Prefect": "refuses the key. set PREFECT_API_KEY to another one"}),
    "another repository": (
        another_repository,
        {"Remote": "origin is github.com/acme/other, not github.com/acme/laptop"},
    ),
    "a lock file that is not committed": (
        lock_file_not_committed,
        {"Commit": "uv.lock is not committed"},
    ),
    "a commit that is not pushed": (
        not_pushed,
        {
            "Commit": "the last commit is not pushed",
            "Deployment": "is deployed from another commit. make prefect-deploy",
        },
    ),
    "a commit that is not deployed": (not_deployed, {"Deployment": "from another commit"}),
    "a newer release of the template": (
        newer_release, {"Template": "99.0.0 is the newest. make update"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_remedy(laptop: Laptop, fault: str) -> None:
    provoke, expected = FAULTS[fault]
    with provoke(laptop) as env:
        found = laptop.doctor(**env)
    if env:  # Without Prefect, there is much that it cannot look at.
        found = {check: text for check, text in found.items() if text.startswith("wrong: ")}
    assert found.keys() == expected.keys(), found
    assert {check: text for check, text in found.items() if expected[check] not in text} == {}


# What looks odd, and is not: found, it would keep a project from being ready.
HARMLESS = {
    "anchors": in_prefect_yaml("^pull:", "definitions:\n  tags: &tags [a]\n\npull:"),
    "a version of the owner's own": in_prefect_yaml('version: ".*"', 'version: "7"'),
    "no version": in_prefect_yaml('    version: ".*"\n', ""),
}


@pytest.mark.parametrize("oddity", HARMLESS)
def test_what_is_only_odd_is_not_called_wrong(laptop: Laptop, oddity: str) -> None:
    with HARMLESS[oddity](laptop):
        assert laptop.doctor().keys() == {"Commit"}


@pytest.mark.parametrize(
    "address", ["ssh://git@ssh.github.com:443/{}.git", "git@work:{}", "https://GitHub.com/{}.git/"]
)
def test_the_repository_is_known_in_every_form(laptop: Laptop, address: str) -> None:
    url = git(laptop.project, "remote", "get-url", "origin")
    git(laptop.project, "remote", "set-url", "origin", address.format(laptop.name.title()))
    assert "Remote" not in laptop.doctor()
    git(laptop.project, "remote", "set-url", "origin", url)


def test_a_command_that_is_named_mends_it(laptop: Laptop) -> None:
    server = laptop.cloud.server
    other = {"name": "other", "flow_id": server.post("flows/", name="main")["id"]}
    server.post(
        "deployments/",
        **other,
        pull_steps=server.deployment(laptop.pool + "-example")["pull_steps"],
    )
    httpx.patch(f"{server.url}/work_pools/{laptop.pool}", json={"is_paused": True})
    found = laptop.doctor()
    assert found.keys() == {"Left over", "Work pool"}
    for text in found.values():
        done = laptop.run(*shlex.split(text[text.index("uv run") :]))
        assert done.returncode == 0, done.stdout
    assert laptop.doctor() == {}


def test_the_mended_project_is_clean(laptop: Laptop) -> None:
    assert laptop.doctor() == {}
    laptop.assert_no_secret_was_said()


def test_without_a_network_it_says_what_it_cannot_look_at(laptop: Laptop) -> None:
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "GH_TOKEN": None}
    nowhere |= {"GIT_CONFIG_KEY_0": "http.proxy", "GIT_CONFIG_VALUE_0": "http://127.0.0.1:9"}
    found = laptop.doctor(**nowhere, COPIER_CACHE_DIR=str(laptop.home / "no"))
    assert {text.split(":")[0] for text in found.values()} == {"unknown"}
    assert found.keys() == {
        "Job variables", "Blocks", "Left over", "Template", "Prefect", "GitHub token", "Work pool",
        "GitHub secrets", "Deployment",
    }  # fmt: skip


def test_a_broken_prefect_yaml_breaks_no_check(laptop: Laptop) -> None:
    prefect_yaml = laptop.project / "prefect.yaml"
    for text in ("- 1\n", "deployments: 7\n", "", "deployments: [{}]\npull: [{}]\n"):
        prefect_yaml.write_text(text)
        found = laptop.doctor()
        assert {"Schedules", "Work pool", "Deployment"} <= found.keys()
        assert not [text for text in found.values() if "Error: " in text]
    git(laptop.project, "checkout", "--quiet", "HEAD", "--", "prefect.yaml")


def test_people_get_a_table(laptop: Laptop) -> None:
    done = laptop.run("make", "--silent", "doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.split()[:4] == ["finding", "what", "to", "do"]
    assert all(
        line.lstrip().startswith("✓") or line[:12].strip() == ""
        for line in done.stdout.splitlines()[1:]
    )
