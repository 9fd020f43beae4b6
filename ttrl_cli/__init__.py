"""Make a language model better at the one problem in front of it.

`Invalid` is what a problem's verifier raises to refuse a solution.
"""

from ttrl_cli.errors import Invalid

__all__ = ["Invalid", "__version__"]
__version__ = "0.1.0"
