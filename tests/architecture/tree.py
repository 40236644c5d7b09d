"""What is committed, or would be: the files that the architecture tests read."""

import subprocess
from pathlib import Path

from architecture.rules import Source

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (
    "layers/dependencies/requirements.txt",
    "requirements/desk.txt",
    "requirements/dev.txt",
    "requirements/research.txt",
)


def sources(root: Path = ROOT) -> list[Source]:
    """Every Python file of both packages."""
    return [
        Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((root / "src").rglob("*.py"))
    ]


def committed_texts(root: Path = ROOT) -> dict[str, str]:
    """Every text file that git tracks or would add, by its path; pictures and archives are left out."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    texts = {}
    for name in sorted(filter(None, listing.stdout.split("\0"))):
        content = (root / name).read_bytes() if (root / name).is_file() else b"\0"
        if b"\0" not in content:
            texts[name] = content.decode("utf-8", errors="replace")
    return texts
