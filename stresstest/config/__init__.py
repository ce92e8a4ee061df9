"""The run file, with flags, environment and the keywords of a call on top of it."""

from stresstest.config.cascade import USUAL_WATERFALL, Cascade
from stresstest.config.loading import load_run, settings_with
from stresstest.config.notify import NOTIFY_VARIABLE, Notify
from stresstest.config.overrides import ENVIRONMENT_PREFIX, Override, keyword_overrides, overrides_from, scalar_keys
from stresstest.config.run_file import PREVIOUS, MaxExcluded, Output, Resources, RunFile, Tolerance

__all__ = [
    "ENVIRONMENT_PREFIX", "NOTIFY_VARIABLE", "PREVIOUS", "USUAL_WATERFALL", "Cascade", "MaxExcluded", "Notify", "Output", "Override", "Resources",
    "RunFile", "Tolerance",
    "keyword_overrides", "load_run", "overrides_from", "scalar_keys", "settings_with",
]  # fmt: skip
