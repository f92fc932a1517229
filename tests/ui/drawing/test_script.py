"""The browser's modules become one script, and a colour means one thing."""

import re
from pathlib import Path

from motrain_app.data.assets import asset_path
from motrain_app.ui.drawing.script import drawing_script

FOLDER: Path = asset_path("drawing/draw.js").parent


def test_script_holds_every_module_once_and_imports_nothing():
    script = drawing_script()
    assert not re.search(r"^\s*import\b", script, re.MULTILINE)
    assert re.findall(r"^export .*", script, re.MULTILINE) == [
        "export default ({figure, ...channels}, _object, _data, {index}) => {"
    ]
    for path in FOLDER.glob("*.js"):
        assert script.count(path.read_text().splitlines()[0]) == 1, path.name


def test_a_module_stands_after_those_that_it_imports():
    script = drawing_script()
    names = re.findall(r"^const (drawing_\w+) = \(\(\) =>", script, re.MULTILINE)
    for imported in re.finditer(r"^const \{[^}]*\} = (drawing_\w+);", script, re.MULTILINE):
        assert script.index(f"const {imported[1]} = (()") < imported.start()
    assert len(names) == len(list(FOLDER.glob("*.js"))) - 1


def test_modules_are_short_and_every_import_is_exported():
    for path in FOLDER.glob("*.js"):
        text = path.read_text()
        assert len(text.splitlines()) < 300, path.name
        for names, module in re.findall(r'^import \{([^}]*)\} from "\./([^"]+)";$', text, re.MULTILINE):
            other = (FOLDER / module).read_text()
            for name in names.split(","):
                assert re.search(rf"^export (const|class|function) {name.strip()}\b", other, re.MULTILINE), name


def test_names_are_written_as_text_only():
    for path in FOLDER.glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", path.read_text())
