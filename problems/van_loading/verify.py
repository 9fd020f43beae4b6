"""What counts as loaded, and how well. Nothing here is timed, so the same vans score the same."""

import math

from ttrl_cli import Invalid


def verify(data):  # what measure returned: figures of each list, or why there are none
    for place, case in enumerate(data, start=1):
        if "failed" in case:
            raise Invalid(f"list {place}: {case['failed']}")
    return data


def figures(case, answer):  # a list and its answer -> figures, or why it is no loading
    sizes, capacity = case["sizes"], case["capacity"]
    array = hasattr(answer, "tolist")  # of numpy
    shape = answer.shape if array else (len(answer),) if type(answer) is list else ()
    if shape != (len(sizes),):  # first, for an answer may be of any size
        return {"failed": f"expected a list of {len(sizes)} vans, one for each parcel"}
    loads = {}
    vans = answer.tolist() if array else answer
    for parcel, (van, size) in enumerate(zip(vans, sizes, strict=True)):
        if type(van) is not int or van < 0:
            return {"failed": f"the van of parcel {parcel} must be an integer from 0"}
        loads[van] = loads.get(van, 0) + size
        if loads[van] > capacity:
            return {"failed": f"van {van} holds {loads[van]}, more than {capacity}"}
    return {"vans": len(loads), "filled": math.ceil(sum(sizes) / capacity)}


def score(figures):
    ratios = [case["vans"] / case["filled"] for case in figures]
    mixed, pallets, triplets = (ratios[sort::3] for sort in range(3))
    parts = {"mixed": mixed, "pallets": pallets, "triplets": triplets}
    metrics = {name: sum(part) / len(part) for name, part in parts.items()}
    worst = max(metrics, key=metrics.get)
    feedback = f"the most is lost on {worst}: {metrics[worst]:.4f} times the vans that are filled"
    return {"value": sum(ratios) / len(ratios), "metrics": metrics, "feedback": feedback}
