"""The lab's model: a small vision-language transformer with a mixture of experts in its blocks, and its training."""

from routelab.model.config import LabConfig
from routelab.model.questions import Questions
from routelab.model.tally import Tally
from routelab.model.training import Trained, TrainSettings, train
from routelab.model.vlm import LabModel, Output, Prefix

__all__ = [
    "LabConfig",
    "LabModel",
    "Output",
    "Prefix",
    "Questions",
    "Tally",
    "TrainSettings",
    "Trained",
    "train",
]
