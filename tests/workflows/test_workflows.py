"""The GitHub workflows, as actionlint and zizmor see them; every action is pinned, every job has only the rights it names."""

import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_actionlint_has_nothing_to_say():
    actionlint = run(ROOT / "tests" / "tools" / "ensure-actionlint.sh").strip()
    # Its shellcheck and pyflakes are whatever the machine has.
    run(actionlint, "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS))


def test_zizmor_has_nothing_to_say():
    run("zizmor", "--offline", "--no-progress", *map(str, WORKFLOWS))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_named(path):
    text = path.read_text()
    uses = re.findall(r"uses: (\S+)(.*)", text)
    for action, comment in uses:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 90, name
