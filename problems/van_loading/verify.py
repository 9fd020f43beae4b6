"""What counts as loaded, and how well. Nothing here is timed, so the same vans score the same."""

import math

from ttrl_cli import Invalid


def verify(data):  # the lists and answers that measure returned -> figures
    return [_figures(place, case) for place, case in enumerate(data, start=1)]


def _figures(place, case):
    sizes, capacity, vans = case["sizes"], case["capacity"], case["vans"]
    if case["failed"]:
        raise Invalid(f"list {place}: {case['failed']}")
    if type(vans) is not list or len(vans) != len(sizes):
        raise Invalid(f"list {place}: expected a list of {len(sizes)} vans, one for each parcel")
    loads = {}
    for parcel, (van, size) in enumerate(zip(vans, sizes, strict=True)):
        if type(van) is not int or van < 0:
            raise Invalid(f"list {place}: the van of parcel {parcel} must be an integer from 0")
        loads[van] = loads.get(van, 0) + size
        if loads[van] > capacity:
            raise Invalid(f"list {place}: van {van} holds {loads[van]}, more than {capacity}")
    return {"vans": len(loads), "filled": math.ceil(sum(sizes) / capacity)}


def score(figures):
    ratios = [case["vans"] / case["filled"] for case in figures]
    mixed, pallets, triplets = (ratios[sort::3] for sort in range(3))
    parts = {"mixed": mixed, "pallets": pallets, "triplets": triplets}
    metrics = {name: sum(part) / len(part) for name, part in parts.items()}
    worst = max(metrics, key=metrics.get)
    feedback = f"the most is lost on {worst}: {metrics[worst]:.4f} times the vans that are filled"
    return {"value": sum(ratios) / len(ratios), "metrics": metrics, "feedback": feedback}
