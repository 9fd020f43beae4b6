"""Verified values and certified bounds for the problems of problems/, and for others like them.

The modules hold what several verifiers share, and what a certificate is checked with: no problem's
own code has a part in that. Data come from candidates and may be anything; whatever is not what
it should be is refused by `Invalid`.

    data           lists of numbers, strictly read
    steps          step functions: autocorrelations and minimum overlap, by FFT
    exact          the same in integers: bounds that are theorems
    circles        packings in the unit square, repaired and checked in exact arithmetic
    certificate    a bound and what proves it, as JSON; checked alone
"""
