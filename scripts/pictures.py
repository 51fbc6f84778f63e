"""The pictures in docs/pictures, made from the real thing: `make pictures`."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from scripts.recording import picture, record
from tests.stand_ins.project import Project
from tests.support.prefect_server import PrefectServer
from tests.support.repository import ROOT

PICTURES = ROOT / "docs/pictures"
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--hide-scrollbars", "--window-size=1280,800", "--virtual-time-budget=30000",
]  # fmt: skip


def test_the_questions(published_template: Path, tmp_path: Path) -> None:
    lines = record(published_template, tmp_path)
    (PICTURES / "questions.svg").write_text(picture(lines), encoding="utf-8")


def test_the_deployment(
    start_project: Callable[..., Project], prefect_server: PrefectServer, tmp_path: Path
) -> None:
    project = start_project(repository="acme/prefect-modal")
    project.save_token(project.github.add_token())
    project.deploy()
    for name in ("world", "Modal"):
        assert project.run(name=name).state == "COMPLETED"
    # Modal's side of a push pool asks for the runs that are due; the server calls that ready.
    prefect_server.post("work_pools/pref-modal-pool/get_scheduled_flow_runs")
    page = prefect_server.url.replace("/api", "/v2/deployments/deployment/")
    subprocess.run(
        [*CHROMIUM, f"--user-data-dir={tmp_path / 'chromium'}",
         f"--screenshot={PICTURES / 'deployment.png'}", page + project.deployment()["id"]],
        check=True, capture_output=True,
    )  # fmt: skip
