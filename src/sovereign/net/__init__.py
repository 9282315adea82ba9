"""The network, behind one port: `Client.send(Request) -> Answer`. Whatever leaves this machine leaves through here."""

from ._rules import Budget, HostRule, Spent
from ._types import Answer, Request, origin_of
from ._waiting import Clock, SystemClock
from .client import OFFLINE_VARIABLE, Client
from .errors import (
    BadAnswer,
    Forbidden,
    HostClosed,
    NetError,
    NoAnswer,
    Offline,
    OverBudget,
    Refused,
    Stopped,
    TooLarge,
)

__all__ = [
    "OFFLINE_VARIABLE",
    "Answer",
    "BadAnswer",
    "Budget",
    "Client",
    "Clock",
    "Forbidden",
    "HostClosed",
    "HostRule",
    "NetError",
    "NoAnswer",
    "Offline",
    "OverBudget",
    "Refused",
    "Request",
    "Spent",
    "Stopped",
    "SystemClock",
    "TooLarge",
    "origin_of",
]
