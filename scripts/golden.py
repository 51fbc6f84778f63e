"""Render the tutorial's project into a folder: `python -m scripts.golden FOLDER`."""

import sys
import tempfile
from pathlib import Path

from tests.support.copier import TUTORIAL, URL, copier, data, published
from tests.support.git import commit
from tests.support.repository import export_template


def render(destination: Path) -> None:
    """Render the working tree's template, published as v0.0.0, with the tutorial's answers."""
    with tempfile.TemporaryDirectory() as folder:
        template = export_template(Path(folder))
        commit(template, tag="v0.0.0")
        done = copier(
            "copy", "--quiet", "--defaults", *data(TUTORIAL), URL, str(destination),
            env=published(template),
        )  # fmt: skip
        if done.returncode != 0:
            sys.exit(done.stderr)


if __name__ == "__main__":
    render(Path(sys.argv[1]))
