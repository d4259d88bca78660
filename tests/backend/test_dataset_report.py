"""What a data set's report tells people."""

from pilotfish.backend.finetune.dataset.reasons import BARE, IGNORED, VENDORED
from pilotfish.backend.finetune.dataset.report import Report, report_lines


def test_what_was_taken_and_what_not_is_named() -> None:
    """Repositories by their files, the largest first, and folders by why; those that git ignores come last."""
    report = Report()
    report.repositories.update({"small": 2, "large": 1200})
    for path, reason in (("build", IGNORED), ("vendor", VENDORED), ("mirror.git", BARE)):
        report.left_folder("large", path, reason)
    lines = report_lines(report)
    assert lines[-4:] == [
        "files of: large 1,200, small 2",
        "folder left out: large: mirror.git: repository without a work tree",
        "folder left out: large: vendor: vendored",
        "folder left out: large: build: ignored by .gitignore",
    ]
    assert [each["path"] for each in report.plain()["folders"]] == ["mirror.git", "vendor", "build"]


def test_what_is_many_is_cut() -> None:
    """Ten of each are told, and how many more there are; the file has a hundred."""
    report = Report()
    for number in range(120):
        report.repositories[f"repo{number:03}"] = 1
        report.left_folder("repo", f"build{number:03}", IGNORED)
        report.found_secret("repo", f"key{number:03}.py", 1, "Token")
    lines = report_lines(report)
    assert sum(line.startswith("folder left out: repo: ") for line in lines) == 10
    assert "folder left out: 110 more; report.json names the first 100" in lines
    assert "secret: 110 more; report.json names the first 100" in lines
    assert next(line for line in lines if line.startswith("files of:")).endswith("repo009 1 and 110 more")
    assert len(report.plain()["folders"]) == len(report.plain()["secrets"]["places"]) == 100


def test_what_to_do_about_secrets_is_said_where_there_are_some() -> None:
    """A false alarm has its remedy in the report; without one there is nothing to remedy."""
    report = Report()
    assert "pragma" not in "".join(report_lines(report))
    report.found_secret("repo", "key.py", 3, "Token")
    assert report_lines(report)[-2] == "secret: repo: key.py, line 3: Token"
    assert "pragma: allowlist secret" in report_lines(report)[-1]
