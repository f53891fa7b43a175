"""What random steps are composed of; a seed draws from all, in this order."""

# isort: off
from tests.roll.ops import products as products
from tests.roll.ops import shapes as shapes
from tests.roll.ops import entries as entries
from tests.roll.ops import numbers as numbers
from tests.roll.ops import weights as weights
from tests.roll.ops import spectra as spectra
from tests.roll.ops import integers as integers
from tests.roll.ops import control as control
from tests.roll.ops import draws as draws
from tests.roll.ops import rules as rules
# isort: on
