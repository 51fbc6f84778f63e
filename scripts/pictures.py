"""Make docs/pictures from the real thing: `python -m scripts.pictures`, or only those named."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.text import Text
from tools.base.finding import Finding
from tools.base.report import summary, table

from benchmarks.projects import PYTHON, VERSION, deployed, fresh_image, render
from scripts.recording import picture, record
from tests.stand_ins.container import Container, copy_image
from tests.stand_ins.github import new_token, serve_github
from tests.stand_ins.github_api import OWNER, READ
from tests.stand_ins.laptop import Laptop
from tests.stand_ins.prefect_cloud import serve_cloud
from tests.support.copier import URL, copier, data, published
from tests.support.git import commit
from tests.support.prefect_server import serve
from tests.support.repository import ROOT, export_template

PICTURES = ROOT / "docs/pictures"
ACCOUNT, WORKSPACE = "0b8f6a3e-5d1c-4c27-9e64-7a2f10c3d985", "f3a91c42-8e07-4b6d-a5d2-61c0e97b4f18"
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--hide-scrollbars", "--window-size=1280,800", "--virtual-time-budget=30000",
]  # fmt: skip


def questions(folder: Path) -> None:
    """The questions, answered in a terminal."""
    commit(template := export_template(folder / "template"), tag="v1.0.0")
    lines = record(template, folder)
    (PICTURES / "questions.svg").write_text(picture("questions", *lines), encoding="utf-8")


def doctor(folder: Path) -> None:
    """What `make doctor` says after the token that containers clone with has expired."""
    commit(template := export_template(folder / "template"), tag="v1.0.0")
    for name in ("server", "github", "home"):
        (folder / name).mkdir()
    with (
        serve(folder / "server") as server,
        serve_cloud(server, key=new_token()) as cloud,
        serve_github(folder / "github") as github,
    ):
        github.create("acme/reports")
        answers = data({"repo_url": "acme/reports", "python_version": VERSION})
        environment = published(template)
        done = copier("copy", "--defaults", *answers, URL, str(folder / "reports"), env=environment)
        assert done.returncode == 0, done.stderr
        laptop = Laptop(
            project=folder / "reports", name="acme/reports", cloud=cloud, github=github,
            template=template, home=folder / "home", python=PYTHON, packages=folder / "packages",
            token=github.add_token(READ), modal=new_token(), owner=github.add_token(OWNER),
            closing_message=done.stderr,
        )  # fmt: skip
        ready, said = laptop.make_bootstrap()
        assert ready, said
        image = fresh_image(folder / "image", laptop.project)
        del github.rights[laptop.token]
        deployment = server.deployment("acme-reports-example")
        run = server.post(f"deployments/{deployment['id']}/create_flow_run", name="crouching-civet")
        reached = github.environment() | {"PREFECT_API_URL": server.url}
        container = Container(image, folder / "container", reached)
        container.execute(run["id"], server.job_variables(deployment))
        found = laptop.run("make", "--silent", "doctor", "ARGS=--json").stdout
    # What stands in for Prefect Cloud has another address on each run.
    found = found.replace(cloud.address, "https://api.prefect.cloud")
    found = found.replace(cloud.account, ACCOUNT).replace(cloud.workspace, WORKSPACE)
    checks, _ = json.JSONDecoder().raw_decode(found, found.index("[\n"))
    report = [(check.pop("check"), Finding(**check)) for check in checks]
    command = Text("$ make doctor", style="bold")
    drawn = picture("doctor", command, "", table(report), "", summary(report), columns=100)
    (PICTURES / "doctor.svg").write_text(drawn, encoding="utf-8")


def deployment(folder: Path) -> None:
    """A deployment's page in Prefect's UI, after two runs."""
    for name in ("server", "github"):
        (folder / name).mkdir()
    with serve(folder / "server") as server, serve_github(folder / "github") as github:
        server.create_push_pool("pref-modal-pool")
        rendered = render(folder / "prefect-modal")
        project = deployed(rendered, server, github)
        project.save_token(github.add_token(READ))
        prefix = fresh_image(folder / "image", rendered)
        for name in ("world", "Modal"):
            container = Container(
                copy_image(prefix, folder / name),
                folder / f"home-{name}",
                github.environment(),
            )
            assert project.run(container, name=name).state == "COMPLETED"
        # Modal's side of a push pool asks for the runs that are due; the server calls that ready.
        server.post("work_pools/pref-modal-pool/get_scheduled_flow_runs")
        page = server.url.replace("/api", "/v2/deployments/deployment/")
        subprocess.run(
            [*CHROMIUM, f"--user-data-dir={folder / 'chromium'}",
             f"--screenshot={PICTURES / 'deployment.png'}", page + project.deployment()["id"]],
            check=True, capture_output=True,
        )  # fmt: skip


if __name__ == "__main__":
    pictures = {draw.__name__: draw for draw in (questions, doctor, deployment)}
    for name in sys.argv[1:] or pictures:
        with tempfile.TemporaryDirectory() as scratch:
            pictures[name](Path(scratch))
