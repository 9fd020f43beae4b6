def load(sizes, capacity):
    """Next fit: a parcel that does not fit into the last van begins another."""
    vans, van, left = [], 0, capacity
    for size in sizes:
        if size > left:
            van, left = van + 1, capacity
        vans.append(van)
        left -= size
    return vans
