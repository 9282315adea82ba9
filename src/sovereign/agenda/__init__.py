"""The agenda: questions to be asked, in which order, which of them are one, and a budget for a sitting."""

from .likeness import Likeness, likeness, read
from .running import Sitting, work_off
from .store import Agenda, Item, ItemState

__all__ = ["Agenda", "Item", "ItemState", "Likeness", "Sitting", "likeness", "read", "work_off"]
