"""What random steps are composed of; a seed draws from all, in this order."""

# isort: off
from tests.fast.ops import products as products
from tests.fast.ops import shapes as shapes
from tests.fast.ops import entries as entries
from tests.fast.ops import numbers as numbers
from tests.fast.ops import weights as weights
from tests.fast.ops import spectra as spectra
from tests.fast.ops import integers as integers
from tests.fast.ops import control as control
from tests.fast.ops import draws as draws
from tests.fast.ops import rules as rules
# isort: on
