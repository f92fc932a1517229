"""Operators: trained members acting as h(x) in physical units, with NumPy alone."""

from motrain_app.operators.errors import OperatorError
from motrain_app.operators.member import Member
from motrain_app.operators.operator import Operator, Variable
from motrain_app.operators.stack import MemberStack

__all__ = ["Member", "MemberStack", "Operator", "OperatorError", "Variable"]
