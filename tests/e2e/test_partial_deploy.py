"""A deployment that the server refuses does not prevent the deploy of the others."""

from pathlib import Path

import pytest

from tests.e2e.conftest import StartProject
from tests.support.changes import append, edit

pytestmark = pytest.mark.e2e


def add_deployment(prefect_yaml: Path, name: str, variables: str = "") -> None:
    append(
        prefect_yaml,
        f"  - name: {name}\n"
        '    version: "{{ commit.stdout }}"\n'
        "    entrypoint: prefect_modal.flows.flow1:main\n"
        "    paused: false\n"
        "    work_pool:\n"
        "      name: pref-modal-pool\n"
        f"      job_variables: {{<<: *job_variables{variables}}}\n",
    )


def test_the_others_are_deployed_and_what_is_new_and_old_is_said(
    start_project: StartProject,
) -> None:
    project = start_project()
    first = f"{project.repository.replace('/', '-')}-example"
    refused, last = f"{first}-refused", f"{first}-last"
    file = project.folder / "prefect.yaml"
    add_deployment(file, refused, ", gpu: A10G")
    add_deployment(file, last)
    old = project.push()
    done = project.make("prefect-deploy")
    assert done.returncode == 0, done.stdout
    assert "is deployed from commit" not in done.stdout

    edit(file, ", gpu: A10G", ", gpu: 1")
    new = project.push()
    done = project.make("prefect-deploy")
    assert done.returncode != 0
    versions = {name: project.server.deployment(name)["version"] for name in (first, refused, last)}
    assert versions == {first: new, refused: old, last: new}
    one, two, three = (line for line in done.stdout.splitlines() if line[:1] in [*"✓✗"])
    assert one == f"✓ {first} is deployed from commit {new[:10]}."
    assert two == f"✓ {last} is deployed from commit {new[:10]}."
    assert three.startswith(f"✗ {refused}: 409 Conflict: Error creating deployment: ")
    assert f"{three}\n  Prefect still has the version from commit {old[:10]}\n" in done.stdout
