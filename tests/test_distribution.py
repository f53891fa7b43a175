"""The name by which the library is installed stands in one place."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import recur
from recur._distribution import NAME

ROOT = Path(recur.__file__).parent


def test_it_is_that_of_the_project_and_of_all_its_extras():
    path = ROOT.parent / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    assert project["name"] == NAME
    assert recur.__version__ == version(NAME) == project["version"]
    extras = [
        line for lines in project["optional-dependencies"].values() for line in lines
    ]
    own = [line for line in extras if line.startswith("recur")]
    assert own
    assert all(line.startswith(f"{NAME}[") for line in own)


def test_no_hint_writes_a_name_of_its_own():
    for path in ROOT.rglob("*.py"):
        if path.name != "_distribution.py":
            assert not re.search(r"pip install ['\"]", path.read_text()), path
