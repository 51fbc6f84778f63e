"""The errors of `make demo`; tests/e2e has the run itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demo import main
from tests.support.environment import clean_environment
from tests.support.repository import ROOT


def test_a_python_that_the_template_does_not_offer_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == (
        "make demo needs Python 3.11 to 3.14, and this is 3.9: "
        "type make demo PYTHON=python3.12 (uv python install 3.12 brings one)."
    )


def test_what_fails_says_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/demo.py"], check=False, capture_output=True, text=True,
        env=clean_environment(
            TMPDIR=str(tmp_path), UV_CACHE_DIR=str(tmp_path / "cache"), UV_OFFLINE="1"
        ),
    )  # fmt: skip
    assert done.returncode == 1
    assert "copier was not found in the cache" in done.stderr
    assert "\nThe demo stopped because this command failed: " in done.stderr
