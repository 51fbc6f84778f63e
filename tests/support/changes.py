"""Edits between two updates: a project's by its owner, and the template's in its next release."""

import re
import subprocess
from pathlib import Path

from tests.support.environment import clean_environment

NIGHTLY = '''"""Every night: count what the day has brought."""

from prefect import flow


@flow(log_prints=True, timeout_seconds=600)
def nightly(reports: list[str]) -> int:
    print(f"{len(reports)} reports")
    return len(reports)
'''
TEST_NIGHTLY = """from prefect_modal.flows.nightly import nightly


def test_it_counts_the_reports() -> None:
    assert nightly.fn(["a", "b"]) == 2
"""


def edit(file: Path, pattern: str, replacement: str) -> None:
    """Replace the only match of a pattern in a file."""
    text, count = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
    assert count == 1, f"{count} places in {file.name} match {pattern}"
    file.write_text(text)


def append(file: Path, text: str) -> None:
    """Add lines to the end of a file, which is created if it is missing."""
    with file.open("a") as end:
        end.write(text)


def by_owner(project: Path, package: str = "prefect_modal") -> None:
    """Edit the tutorial's project as its owner would in the first months."""
    flows = project / f"src/{package}/flows"
    # The example has become another flow, and its test is gone.
    (flows / "flow1.py").rename(flows / "report.py")
    (project / "tests/test_flow1.py").unlink()
    (flows / "nightly.py").write_text(NIGHTLY)
    (project / "tests/test_nightly.py").write_text(TEST_NIGHTLY.replace("prefect_modal", package))
    for words in (["polars"], ["--dev", "hypothesis"]):
        command = ["uv", "add", "--quiet", "--frozen", *words]
        subprocess.run(command, cwd=project, env=clean_environment(), check=True)
    append(project / "pyproject.toml", "\n[tool.ruff]\nline-length = 120\n")
    append(project / "project.mk", f"FLOW := {package}.flows.report\n\nclean:\n\tgit clean -dX\n")
    append(project / ".gitignore", "data/\n")

    prefect_yaml = project / "prefect.yaml"
    edit(prefect_yaml, r"cron: .*", 'cron: "30 6 * * 1-5"')
    edit(prefect_yaml, r"timezone: .*", "timezone: Europe/Berlin")
    edit(prefect_yaml, r"entrypoint: .*", f"entrypoint: {package}.flows.report:main")
    edit(prefect_yaml, r"^( +)UV_PROJECT_ENVIRONMENT: .*$", '\\g<0>\n\\1REPORTS: "daily"')
    append(
        prefect_yaml,
        "  - name: nightly\n"
        f"    entrypoint: {package}.flows.nightly:nightly\n"
        "    tags: [Ben-Epstein-prefect-modal]\n"
        "    work_pool:\n"
        "      name: pref-modal-pool\n"
        "      job_variables:\n"
        "        env:\n"
        "          UV_PROJECT_ENVIRONMENT: /usr/local\n",
    )

    edit(
        project / ".github/workflows/prefect_cd.yaml",
        r"^  deploy:\n    name: Deploy$",
        "  ship:\n    name: Ship to production",
    )
    readme = project / "README.md"
    edit(
        readme,
        r"\n\n## Everyday commands",
        "\n\nAsk Ada about the reports.\n\n## Everyday commands",
    )
    append(readme, "\n## Who is on call\n\nWhoever deployed last.\n")


def by_template(template: Path) -> None:
    """Change the template like a next release, in every way that the policy allows."""
    edit(template / "copier.yml", r"^(work_pool:\n(?:  .*\n)*?  default: ).*$", r"\1modal-pool")
    edit(
        template / "copier.yml",
        r"^# Derived from the answers above",
        "team:\n  type: str\n  help: Whose flows are these?\n  default: everybody\n\n\\g<0>",
    )
    edit(template / "extensions/data_names.jinja", r"'updates',", "'updates', 'team',")
    (template / "template/OWNERS.jinja").write_text("{{ team }}\n")

    project = template / "template"
    flow = project / "src/{{package_name}}/flows/flow1.py"
    edit(flow, r"Hello \{name\} from", "Good morning {name} from")
    edit(project / "tests/test_flow1.py.jinja", r"Hello world from", "Good morning world from")
    edit(project / ".gitignore", r"^dist/$", "dist/\nbuild/")
    edit(project / "README.md.jinja", r"^`make` alone lists all", "`make help` lists all")
    edit(
        project / "README.md.jinja",
        r"^## Stay current$",
        "## When nothing helps\n\nAsk {{ team }}.\n\n\\g<0>",
    )
    edit(project / "pyproject.toml.jinja", r'"fastapi<0\.\d+"', '"fastapi<1"')
    edit(project / "pyproject.toml.jinja", r'"ruff>=0\.\d+,<1"', '"ruff>=0.18,<1"')
    edit(project / "pyproject.toml.jinja", r"^setup = \[\"modal\", ", '\\g<0>"rich", ')
    edit(project / "Makefile.jinja", r"run pytest ", "run pytest --quiet ")
    edit(project / "prefect.yaml.jinja", r"work_queue_name: default", "work_queue_name: flows")
    edit(
        project / "prefect.yaml.jinja",
        r"^( +)# Install into the container's Python",
        '\\1UV_NO_PROGRESS: "1"\n\\g<0>',
    )
    workflows = project / ".github/workflows"
    edit(workflows / "ci.yaml", r"timeout-minutes: 15", "timeout-minutes: 20")
    edit(workflows / "prefect_cd.yaml.jinja", r"timeout-minutes: 15", "timeout-minutes: 20")
    edit(workflows / "prefect_cd.yaml.jinja", r"^    name: Deploy$", "    name: Deploy to Prefect")
