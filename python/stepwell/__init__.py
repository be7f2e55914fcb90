"""Stepwell in notebooks: ``%load_ext stepwell``.

``render_graph()`` and ``render_progress()`` of the Step Functions Data Science SDK then show pictures
drawn by the Stepwell server that the workflow's client speaks to, live while an execution runs.
"""

from .notebook import disable, enable
from .picture import ExecutionPicture, Picture

__all__ = ["ExecutionPicture", "Picture", "disable", "enable"]


def load_ipython_extension(shell):
    """Called by ``%load_ext stepwell``."""
    enable()


def unload_ipython_extension(shell):
    """Called by ``%unload_ext stepwell``."""
    disable()
