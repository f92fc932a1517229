"""Operators: trained members acting as h(x) in physical units, with NumPy alone unless scikit-learn trained them."""

from motrain_app.operators.ensemble import EnsembleMember
from motrain_app.operators.errors import OperatorError, UntrustedTypeError
from motrain_app.operators.estimator import EstimatorMember
from motrain_app.operators.estimator_stack import EstimatorStack
from motrain_app.operators.interfaces import AnyMember, AnyStack
from motrain_app.operators.interval import ResidualQuantiles
from motrain_app.operators.member import Member
from motrain_app.operators.operator import Operator, Variable
from motrain_app.operators.seasons import SEASONS
from motrain_app.operators.stack import MemberStack

__all__ = [
    "SEASONS",
    "AnyMember",
    "AnyStack",
    "EnsembleMember",
    "EstimatorMember",
    "EstimatorStack",
    "Member",
    "MemberStack",
    "Operator",
    "OperatorError",
    "ResidualQuantiles",
    "UntrustedTypeError",
    "Variable",
]
