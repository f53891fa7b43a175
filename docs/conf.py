"""How Sphinx builds the site: ``sphinx-build -W docs docs/_build``."""

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
