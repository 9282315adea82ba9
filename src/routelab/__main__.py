"""`python -m routelab` is `routelab`."""

from routelab.cli import main

if __name__ == "__main__":
    main()
