"""A program that is a Ray cluster of two machines on this one, until its input ends.

python -m tests.support.ray_cluster prints the address of the head.
"""

import sys

from ray.cluster_utils import Cluster

_NODE = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 100 * 2**20}


def main():
    cluster = Cluster(initialize_head=True, head_node_args={**_NODE, "include_dashboard": False})
    cluster.add_node(**_NODE)
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
