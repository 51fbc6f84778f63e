"""CI tests every supported Python."""

import pytest

from tests import conftest
from tests.support import pythons


def test_a_python_that_ci_does_not_have_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "OFFERED", [*pythons.interpreters(), "3.99"])
    monkeypatch.delenv("CI", raising=False)
    conftest.pytest_configure()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.UsageError, match=r"Install Python 3\.99: "):
        conftest.pytest_configure()
