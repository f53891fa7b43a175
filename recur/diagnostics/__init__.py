"""Gradients made visible: by step, by lag, as Jacobians, exponents and gates.

All works on any step, by differentiating and rolling it. A carry counts as one vector
of ``n`` numbers a row, its floating-point leaves side by side.
"""

from recur.diagnostics.backward import carry_gradient_norms, carry_gradients
from recur.diagnostics.diagnosis import Diagnosis, diagnose
from recur.diagnostics.gates import Saturation, effective_memory, gate_saturation
from recur.diagnostics.jacobian import (
    jacobian_singular_values,
    product_singular_values,
    step_jacobian,
)
from recur.diagnostics.lag import lag_gradient_norms
from recur.diagnostics.lyapunov import log_growths, lyapunov_exponents
from recur.diagnostics.picture import plot_diagnosis

__all__ = [
    "Diagnosis",
    "Saturation",
    "carry_gradient_norms",
    "carry_gradients",
    "diagnose",
    "effective_memory",
    "gate_saturation",
    "jacobian_singular_values",
    "lag_gradient_norms",
    "log_growths",
    "lyapunov_exponents",
    "plot_diagnosis",
    "product_singular_values",
    "step_jacobian",
]
