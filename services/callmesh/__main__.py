"""`python -m callmesh` is the command `callmesh`."""

from callmesh.cli.main import main

if __name__ == "__main__":
    main(prog_name="callmesh")
