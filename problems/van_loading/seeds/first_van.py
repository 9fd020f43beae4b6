def load(sizes, capacity):
    """First fit: a parcel goes into the first van that has room for it."""
    vans, left = [], []
    for size in sizes:
        van = next((van for van, room in enumerate(left) if size <= room), len(left))
        if van == len(left):
            left.append(capacity)
        left[van] -= size
        vans.append(van)
    return vans
