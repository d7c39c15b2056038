"""Entry point of the container: `python3 -I -S -B /supervisor`."""
from drydock_sandbox import supervisor

supervisor.main()
