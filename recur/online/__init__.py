"""Learning while the sequence goes on: gradients without a way back through time.

All learners are used alike, and so can be exchanged for each other::

    learner = online.RTRL(cell, loss_fn)   # or SnAp1, UORO, ForwardGradient
    state = learner.init(params, carry, x, target, key=key)
    for x, target in sequence:
        state, loss, grads = learner.update(params, state, x, target)

``grads`` are of the loss of this one step, back to the beginning; what is kept in
``state`` does not grow with the number of steps. ``learner.accumulate`` sums them over
a sequence, where back-propagation through time would keep all of it.

For a carry of ``n`` numbers and ``p`` params, and of one row of a batch:

=================== ================== =============== ============================
learner             gradient           memory          time of a step
=================== ================== =============== ============================
``RTRL``            exact              ``n·p``         ``p`` tangents of the step
``SnAp1``           biased, no noise   ``m·p + n²``    ``n`` tangents, and ``m²·p``
``UORO``            unbiased, noisy    ``n + p``       about three steps
``ForwardGradient`` unbiased, noisier  ``K·(n + p)``   ``K`` tangents
=================== ================== =============== ============================

Here ``m`` is the most entries of the carry that one param reaches within a step: 1 in
an Elman unit, 2 in an LSTM. A batch is a carry with leading axes, or one learner a row
by ``jax.vmap(learner.update, in_axes=(None, 0, 0, 0))``, which is cheaper for ``SnAp1``
and less noisy for ``UORO``.
"""

from recur.online.forward_gradient import ForwardGradient
from recur.online.learner import Learner
from recur.online.rtrl import RTRL
from recur.online.snap import SnAp1
from recur.online.uoro import UORO

__all__ = ["RTRL", "UORO", "ForwardGradient", "Learner", "SnAp1"]
