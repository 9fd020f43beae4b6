def load(sizes, capacity):
    """First fit: a parcel goes into the first van that has room for it."""
    vans, left = [], []
    for size in sizes:
        for van, room in enumerate(left):
            if size <= room:
                break
        else:
            van = len(left)
            left.append(capacity)
        left[van] -= size
        vans.append(van)
    return vans
