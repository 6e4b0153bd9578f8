"""The commands of `python -m mer_jax.main`: a file each, which declares its record as MODE.

A mode imports no other one: what two of them do stands in the room that it is about.
"""

from mer_jax.modes import build, compare, ensemble, evaluate, predict, report, select, table, train
from mer_jax.modes.record import Mode

# In the order of --help.
MODES: dict[str, Mode] = {
    module.MODE.name: module.MODE
    for module in (build, train, evaluate, compare, predict, select, ensemble, table, report)
}
DEFAULT = train.MODE
