"""`python -m sovereign`."""

from sovereign.cli import main

if __name__ == "__main__":
    main()
