"""What the tests share."""

import sys

import pytest

from theorycheck import cli

pytest_plugins = "pytester"


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs the command in this process: exit status, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["theorycheck", *map(str, arguments)])
        monkeypatch.setattr(cli, "leave", sys.exit)
        status = 0
        try:
            cli.main()
        except SystemExit as leaving:
            status = leaving.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def refused(answer, *words):
    """Status 2, nothing on stdout, one sentence on stderr that holds the words."""
    status, out, err = answer
    lines = [line for line in err.splitlines() if not line.startswith(("deciding ", "compiling "))]
    assert (status, out, len(lines)) == (2, "", 1), err
    assert all(word in lines[0] for word in words), err
