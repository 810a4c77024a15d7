"""`make bench`: run the benchmarks of this folder; `make bench ARGS=lab`: this one."""

import runpy
import sys
from pathlib import Path

here = Path(__file__).parent
found = {path.stem for path in here.glob("[a-z]*.py")}
names = sys.argv[1:] or sorted(found - {"mutants"})  # which takes hours
for name in names:
    if not (here / f"{name}.py").is_file():
        sys.exit(f"error: there is no benchmark `{name}` in bench/")
    runpy.run_path(str(here / f"{name}.py"), run_name="__main__")
