"""What a report depends on."""

from personalize.report import fingerprint

PACKAGE_DIGEST = fingerprint.package


def test_the_package_is_every_file_that_can_change_a_result(tmp_path, monkeypatch):
    package = PACKAGE_DIGEST.__wrapped__
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path)
    seen = set()
    for name in ("a.py", "sql/b.sql", "report/templates/c.css", "sources/d.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
        seen.add(package())
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.py").write_text("x")
    seen.add(package())
    assert len(seen) == 4
