"""How Sphinx builds these pages: `make docs`."""

import atexit
import logging
import os
import shutil
import tempfile

# Airflow makes itself a home when it is first imported, which describing the classes does.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
logging.getLogger("airflow").setLevel(logging.WARNING)
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

import airflow_provider_groq  # noqa: E402 - after the environment stands

project = "airflow-provider-groq"
author = "The authors of airflow-provider-groq"
project_copyright = f"{author}. Apache License 2.0"
version = release = airflow_provider_groq.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
default_role = "code"
smartquotes = False  # a message stands here as it stands in a log

html_theme = "furo"
html_title = f"{project} {version}"
html_show_sphinx = False

# Headings can be linked to, as on GitHub.
myst_heading_anchors = 3

autodoc_class_signature = "separated"
autodoc_default_options = {"exclude-members": "__new__"}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_rtype = False
