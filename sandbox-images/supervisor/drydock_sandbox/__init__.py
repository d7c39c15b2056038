"""What runs inside the Python sandbox container.

S supervisor.py  process 1: speaks to Drydock over stdin and stdout, gives each run its pipes, deadlines and caps
Z zygote.py      a clean Python with the standard library loaded; forks every role, and never sees a program or a test
C candidate.py   runs the program in a jail of its own and answers calls with plain data
K checker.py     runs assert-style tests in a jail of its own; reaches the program only through those calls

The program's process holds neither expected values nor a way to the verdict.
"""
