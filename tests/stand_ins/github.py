"""GitHub's repositories, reached by git itself."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.git import git


@dataclass
class GitHub:
    """Repositories under their real addresses; git itself sends those to this machine."""

    folder: Path
    token: str

    def create(self, repository: str) -> Path:
        """Create an empty repository, such as `acme/flows`."""
        bare = self.folder / repository
        bare.parent.mkdir(exist_ok=True)
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
        # As on GitHub: https://docs.github.com/get-started/using-git
        git(bare, "config", "uploadpack.allowFilter", "true")
        git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
        return bare

    def reachable(self, token: str | None = None) -> dict[str, str]:
        """Settings for git that let it in with this token, or without one, and nowhere else."""
        user = f"{token}@" if token else ""
        rules = {
            f"url.file://{self.folder}/.insteadOf": f"https://{user}github.com/",
            "url.file:///no-such-host/.insteadOf": "https://",
        }
        settings = {"GIT_CONFIG_COUNT": str(len(rules))}
        for number, (name, value) in enumerate(rules.items()):
            settings |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return settings
