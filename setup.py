"""The packages of a wheel; all else is in pyproject.toml."""

from setuptools import find_namespace_packages, find_packages, setup

# Configs and builders are at the top level, where people read and run them. In a wheel they go
# into the package, where no other project's configs/ or datasets/ can be mistaken for them.
found = find_namespace_packages(include=["configs", "configs.*", "datasets", "datasets.*"])
came_along = {f"mer_jax._root.{name}": name.replace(".", "/") for name in found}

setup(packages=[*find_packages(include=["mer_jax*"]), *came_along], package_dir=came_along)
