"""`python -m ttrl_cli` is `ttrl`."""

from ttrl_cli.cli.main import main

if __name__ == "__main__":
    main()
