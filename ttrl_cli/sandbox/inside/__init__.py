"""The half of the sandbox that lives inside it: the fork server of candidates, and candidates.

These modules run under the problem's interpreter, from Python 3.9 on, and import nothing but the
standard library, and numpy where it is there. The other half starts them as `python -m inside.*`
and believes nothing that comes from a candidate.

    namespaces.py   one process enters new namespaces and builds the file system that candidates see
    fork_server.py  the fork server: imports once, forks per candidate, watches and ends it
    monitor.py      what the fork server reads of a candidate's processes
    attempt.py      a candidate's own process, up to the line where the candidate takes over
    confine.py      what that process gives up: capabilities, files, system calls
    seccomp.py      the system calls it gives up, as a seccomp program
    program.py      the candidate: call its entry, send back data
    call.py         a candidate that the problem's code calls with an input
    arrays.py       data with numeric arrays in them, as JSON and npy
    evaluate.py     in place of a candidate: an evaluator that runs the candidate by itself
    build.py        in place of a candidate: compile one
    kernel.py       the system calls that Python has no function for
"""
