"""The one loop above inquiry and gate: ask -> reproduce -> judge again, each ending in a record with its pages.

Every step can be cut off at any time. A run's record id and version are drawn when the run starts and stored with it; a
version is written together with its event or not at all; pages can be made again. So going on after a kill leaves one
version, one event and one set of pages.
"""

from .asking import ask, begin_ask, import_seeds, judge_again
from .comparing import comparison_question
from .finishing import Progress, publish
from .reproducing import MEASURE, Reproduced, measure, reproduce, resume
from .reviewing import review
from .revising import REVISE, begin_again, begin_revision, revise

__all__ = [
    "MEASURE",
    "REVISE",
    "Progress",
    "Reproduced",
    "ask",
    "begin_again",
    "begin_ask",
    "begin_revision",
    "comparison_question",
    "import_seeds",
    "judge_again",
    "measure",
    "publish",
    "reproduce",
    "resume",
    "review",
    "revise",
]
