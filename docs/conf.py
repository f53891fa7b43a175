"""How Sphinx builds the site: ``sphinx-build -W docs docs/_build``."""

import inspect
import re
import shutil
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
# The notebooks stay where people open them; Sphinx reads only what is below it.
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", dirs_exist_ok=True)

project = "recur"
author = "The authors of recur"
copyright = "2026, the authors of recur"
release = version_of("recur-jax")
version = ".".join(release.split(".")[:2])

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",
    "sphinx_design",
]
exclude_patterns = ["_build", "notebooks/*.mplstyle"]

# Notebooks are committed as they ran, and the tests run them.
nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # Args say shapes, which types do not.
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
add_module_names = False
python_maximum_signature_line_length = 80
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"recur {release}"
html_static_path = ["_static"]
html_css_files = ["recur.css"]
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b3c5d",
        "color-brand-content": "#0b5a8a",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8ec5e8",
        "color-brand-content": "#8ec5e8",
    },
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def tell_fields(app, what, name, obj, options, lines):
    """Lists the fields of a named tuple with the comments beside them: their shapes."""
    if what != "class" or not hasattr(obj, "_fields"):
        return
    source = inspect.getsource(obj)
    for field in obj._fields:
        line = re.search(rf"^    {field}: .*?(?:#\s*(.*))?$", source, re.MULTILINE)
        told = (line[1] if line else None) or ""
        shape = re.match(r"\[[^\]]*\]", told)
        told = f"``{shape[0]}``{told[shape.end() :]}" if shape else told
        lines += ["", f":param {field}: {told}"]


def skip_bare_fields(app, what, name, obj, skip, options):
    """Leaves out attributes of which nothing is said but what Python says itself."""
    is_field = type(obj).__name__ == "_tuplegetter"
    is_foreign = inspect.isclass(obj) and not obj.__module__.startswith("recur")
    return True if is_field or is_foreign else None


def setup(app):
    """Connects the two functions above."""
    app.connect("autodoc-process-docstring", tell_fields, priority=400)
    app.connect("autodoc-skip-member", skip_bare_fields)
