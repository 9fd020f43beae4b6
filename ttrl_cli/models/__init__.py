"""Models: the cache, and loading."""

import logging

# peft imports bitsandbytes where it is there, which on processors with bfloat16 then says at every
# start that a package is missing for kernels of its own; nothing here ever calls those
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
