"""Property tests are the same in each run."""

import os
from pathlib import Path

import hypothesis
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(os.environ["AIRFLOW_HOME"], "hypothesis"))
hypothesis.settings.register_profile("suite", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")
