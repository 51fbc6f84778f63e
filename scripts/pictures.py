"""Make docs/pictures from the real thing: `python -m scripts.pictures`."""

import subprocess
import tempfile
from pathlib import Path

from benchmarks.projects import deployed, fresh_image, render
from scripts.recording import picture, record
from tests.stand_ins.container import Container, copy_image
from tests.stand_ins.github import serve_github
from tests.stand_ins.github_api import READ
from tests.support.git import commit
from tests.support.prefect_server import serve
from tests.support.repository import ROOT, export_template

PICTURES = ROOT / "docs/pictures"
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--hide-scrollbars", "--window-size=1280,800", "--virtual-time-budget=30000",
]  # fmt: skip


def questions(folder: Path) -> None:
    """The questions, answered in a terminal."""
    commit(template := export_template(folder / "template"), tag="v1.0.0")
    lines = record(template, folder)
    (PICTURES / "questions.svg").write_text(picture(lines), encoding="utf-8")


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
    with tempfile.TemporaryDirectory() as scratch:
        questions(Path(scratch))
        deployment(Path(scratch))
