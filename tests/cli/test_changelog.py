"""The change log's tool deletes what it has gathered: it asks twice before it believes that this is a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import changelog


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs/changes").mkdir(parents=True)
    (tmp_path / "docs/changes/keys.added.md").write_text("Keys are\nheard.\n")
    (tmp_path / "CHANGELOG.md").write_text("# Change log\n" + changelog.MARK)
    monkeypatch.setattr(changelog, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["--help"], ["1"], ["tomorrow"]])
def test_what_is_no_version_changes_nothing(repository: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        changelog.main(arguments)
    assert (repository / "docs/changes/keys.added.md").exists()
    assert (repository / "CHANGELOG.md").read_text() == "# Change log\n" + changelog.MARK


def test_a_release_gathers_the_fragments_and_deletes_them(repository: Path) -> None:
    changelog.main(["0.2.0", "2026-11-21"])
    told = (repository / "CHANGELOG.md").read_text()
    assert told.endswith("\n## 0.2.0 (2026-11-21)\n\n### Added\n\n* Keys are heard.\n")
    assert not (repository / "docs/changes/keys.added.md").exists()
