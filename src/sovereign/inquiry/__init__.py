"""Questions into records: the stages, and the pipeline that is their order."""

from .pipeline import STAGE_MODULES, investigate

__all__ = ["STAGE_MODULES", "investigate"]
