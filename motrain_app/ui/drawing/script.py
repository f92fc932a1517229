"""The browser's part as one script: Bokeh takes one module, people read several."""

import re
from functools import cache
from posixpath import dirname, join, normpath

from motrain_app.data.assets import asset_path

ENTRY = "drawing/draw.js"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "(\.[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|function|class) (\w+))", re.MULTILINE)


@cache
def drawing_script() -> str:
    """Return the modules of `assets/drawing` as one ES module, each after those that it imports.

    Every module but the entry becomes a function of its own, so their names do not meet.
    """
    *modules, entry = _modules(ENTRY, {}).items()
    return "\n".join([*(_enclosed(name, text) for name, text in modules), _with_imports(*entry)])


def _modules(name: str, found: dict[str, str]) -> dict[str, str]:
    """Return the texts of a module and of all that it imports, in the order in which they can run."""
    text = asset_path(name).read_text(encoding="utf-8")
    for _, imported in _IMPORT.findall(text):
        path = _path(name, imported)
        if path not in found:
            _modules(path, found)
    found[name] = text
    return found


def _enclosed(name: str, text: str) -> str:
    exported = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _with_imports(name, text))
    return f"const {_identifier(name)} = (() => {{\n{body}\nreturn {{{exported}}};\n}})();\n"


def _with_imports(name: str, text: str) -> str:
    return _IMPORT.sub(lambda match: f"const {match[1]} = {_identifier(_path(name, match[2]))};", text)


def _path(name: str, imported: str) -> str:
    return normpath(join(dirname(name), imported))


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)
