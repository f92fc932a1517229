"""Operators: trained members acting as h(x) in physical units, with NumPy alone."""

from motrain_app.operators.errors import OperatorError
from motrain_app.operators.interval import ResidualQuantiles
from motrain_app.operators.member import Member
from motrain_app.operators.operator import Operator, Variable
from motrain_app.operators.seasons import SEASONS
from motrain_app.operators.stack import MemberStack

__all__ = ["SEASONS", "Member", "MemberStack", "Operator", "OperatorError", "ResidualQuantiles", "Variable"]
