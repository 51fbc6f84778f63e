"""Every accepted answer appears as typed in each file that contains it."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import copier
import yaml
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st

from tests.support.pythons import OFFERED
from tests.support.repository import tree

Macro = Callable[..., str]
odd = st.text(st.sampled_from([*"abz-_ '\"$`\\|;:!+*[](){}#=,.~^@é😀", "{", "\u00a0"]), min_size=1, max_size=12)  # fmt: skip
NASTY = 'it\'s "$HOME" `x` $(y): \\ {z} 😀 #1'


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # Shrinking would take minutes.
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(
    host=st.sampled_from(["", "https://github.com/", "git@git.acme-corp.com:"]),
    repository=st.from_regex(r"[A-Za-z0-9._-]{1,30}", fullmatch=True),
    package=st.one_of(st.none(), st.from_regex(r"[a-z][a-z0-9_]{0,49}", fullmatch=True)),
    private=st.booleans(),
    pin=st.booleans(),
    bake=st.booleans(),
    branch=odd,
    pool=odd,
    schedule=st.sampled_from(["daily", "never", "0  5 * * 1", "*/7 * L * *"]),
    timezone=st.sampled_from(["UTC", "America/Argentina/Buenos_Aires"]),
    python=st.sampled_from(OFFERED),
)
@example(
    "",
    "prefect",
    None,
    True,
    False,
    True,
    "a'b\"c`d$e;f|g{h}+i",
    NASTY.replace("#", ""),
    "daily",
    "UTC",
    "3.12",
)
@example("", ".github", "a" * 50, False, True, False, "!x", "--help", "never", "UTC", "3.14")
def test_any_accepted_answers_give_a_correct_project(
    template: Path, macro: Macro, host: str, repository: str, package: str | None, private: bool,
    pin: bool, bake: bool, branch: str, pool: str, schedule: str, timezone: str, python: str,
) -> None:  # fmt: skip
    address = f"{host}acme/{repository}"
    assume(not macro("repository.error", address))
    assume(not macro("branch.error", branch))
    assume(not macro("work_pool.error", pool))
    assume(package is None or not macro("package.error", package))
    answers = {
        "repo_url": address, "private_repository": private, "pin_commit": pin, "bake": bake,
        "branch": branch, "work_pool": pool,
        "schedule": schedule, "timezone": timezone, "python_version": python,
    } | ({"package_name": package} if package else {})  # fmt: skip
    with TemporaryDirectory() as folder:
        project = Path(folder, "project")
        # Most files are in tools/, which contains no answers.
        copier.run_copy(
            str(template), project, answers, exclude=["/tools"], defaults=True, quiet=True
        )
        check(project, answers, macro)


def check(project: Path, answers: dict[str, Any], macro: Macro) -> None:
    branch, pool = answers["branch"], answers["work_pool"]
    url = macro("repository.canonical", answers["repo_url"])

    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    asked = {name: value for name, value in answers.items() if name != "timezone"}
    assert asked.items() <= stored.items()
    package = stored["package_name"]

    prefect_yaml = yaml.safe_load((project / "prefect.yaml").read_text())
    clone = prefect_yaml["pull"][0]["prefect.deployments.steps.git_clone"]
    assert clone["repository"] == url
    assert clone["branch"] == branch
    install = prefect_yaml["pull"][1]["prefect.deployments.steps.run_shell_script"]["script"]
    assert ("commit={{ commit.stdout }}; " in install) is answers["pin_commit"]
    assert ("credentials" in clone) is answers["private_repository"]
    (deployment,) = prefect_yaml["deployments"]
    assert deployment["work_pool"]["name"] == pool
    assert deployment["entrypoint"] == f"{package}.flows.flow1:main"
    placeholders = re.findall(r"{{.*?}}", json.dumps(prefect_yaml))
    steps = ["clone-step.directory", "commit.stdout", "prefect-version.stdout"]
    if answers["bake"]:
        steps += ["locked.stdout", "baked.packages"]
    expected = {f"{{{{ {step} }}}}" for step in steps}
    if answers["private_repository"]:
        block = macro("project_name.block", stored["project_name"])
        expected.add(f"{{{{ prefect.blocks.github-credentials.{block} }}}}")
    assert set(placeholders) == expected

    pyproject = tomllib.loads((project / "pyproject.toml").read_text())
    assert pyproject["project"]["requires-python"] == f">={answers['python_version']}"
    assert pyproject["tool"]["uv"]["build-backend"]["module-name"] == package

    deploy = yaml.safe_load((project / ".github/workflows/prefect_cd.yaml").read_text())
    (pattern,) = deploy[True]["push"]["branches"]
    assert re.sub(r"\\(.)", r"\1", pattern) == branch
    expression = deploy["jobs"]["deploy"]["if"].replace("''", "'")
    assert expression == f"github.ref == 'refs/heads/{branch}'"

    readme = (project / "README.md").read_text()
    pause = next(line for line in readme.splitlines() if "work-pool pause" in line)
    assert shlex.split(pause)[-1] == pool

    for name, content in tree(project).items():
        if name.endswith(".py"):
            compile(content, name, "exec")
        text = content.decode()
        assert "\t" not in text or name == "Makefile"
        assert not re.search(" $", text, re.MULTILINE), name
        assert not text or text.endswith("\n"), name
