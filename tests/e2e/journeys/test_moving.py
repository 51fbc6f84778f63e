"""docs/moving.md, followed by a connected project's owner: what is left, and what reports it."""

from collections.abc import Callable

import pytest

from tests.e2e.journeys.test_documents import follow
from tests.stand_ins.github_api import READ
from tests.stand_ins.laptop import Laptop
from tests.support.documents import MOVING

pytestmark = [pytest.mark.e2e, pytest.mark.long]
SECTIONS = MOVING.sections()


@pytest.fixture(scope="module")
def laptop(start: Callable[..., Laptop]) -> Laptop:
    """A laptop on which the project of the page is connected."""
    laptop = start(package_name="reports")
    ready, steps = laptop.bootstrap()
    assert ready, steps
    return laptop


def test_what_is_moved_and_renamed_stays_connected_and_leaves_nothing(
    laptop: Laptop,
) -> None:
    followed = set[str]()
    old, pool, server = laptop.name, laptop.pool, laptop.cloud.server
    new = f"acme-corp/{pool}-moved"
    names = {"acme-reports": f"acme-{pool}", "pref-modal-pool": pool}
    names |= {"acme-corp/analytics": new, "modal-flows": f"{pool}-second"}
    names |= {"project_name=analytics": f"project_name=named-{pool}"}

    def lines(heading: str) -> list[str]:
        followed.add(heading)
        found = SECTIONS[heading]
        for example, ours in names.items():
            found = [line.replace(example, ours) for line in found]
        return found

    # GitHub transfers the repository; its former owner's token does not work there.
    repository = laptop.github.repository(new)
    repository.parent.mkdir(parents=True, exist_ok=True)
    laptop.github.repository(old).rename(repository)
    del laptop.github.rights[laptop.token]
    laptop.token = laptop.github.add_token(READ)
    laptop.name = new
    *before, force, bootstrap, doctor = lines("A new owner, or repository name")
    for line in before:
        follow(laptop, line)
    text = f"main/acme-{pool}-example already exists, from https://github.com/{old}"
    assert text in laptop.run("make", "prefect-deploy").stdout
    assert text in laptop.doctor()["Deployment"]
    assert (bootstrap, doctor) == ("make bootstrap", "make doctor")
    follow(laptop, force)
    ready, steps = laptop.bootstrap()
    assert ready, steps
    assert laptop.doctor() == {}

    update, commit, bootstrap, doctor, *remove = lines("A new name in Prefect")
    for line in (update, commit):
        follow(laptop, line)
    assert (bootstrap, doctor) == ("make bootstrap", "make doctor")
    ready, steps = laptop.bootstrap()
    assert ready, steps
    prune, *remove = remove
    assert laptop.doctor() == {
        "Orphaned deployments": f"failed: main/acme-{pool}-example is deployed, but not in "
        f"prefect.yaml. {prune}"
    }
    for line in (f"{prune} YES=1", *remove):
        follow(laptop, line)
    assert laptop.doctor() == {}

    for line in lines("Another work pool"):
        follow(laptop, line)
    assert laptop.doctor() == {}
    pools = {each["name"] for each in server.post("work_pools/filter")}
    assert {pool, f"{pool}-second"} & pools == {f"{pool}-second"}
    blocks = {each["name"] for each in server.post("block_documents/filter")}
    ours = {name for name in blocks if pool in str(name)}
    assert ours == {f"named-{pool}", f"{pool}-second-modal-credentials"}

    for line in lines("A new package name"):
        follow(laptop, line)
    follow(laptop, "make prefect-deploy")  # As the push does.
    assert laptop.doctor() == {}
    laptop.assert_no_secret_was_said()

    # The other sections use the same commands, and test_moving_by_answers.py runs the rest of theirs.
    here = " ".join(line for heading in followed for line in SECTIONS[heading]).split()
    for line in MOVING.commands:
        assert not line.startswith(("make ", "uv run ")) or set(line.split()) <= set(here), line
