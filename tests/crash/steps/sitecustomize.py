"""Python runs this first where this folder is on its path: so a step of kfp.local dies."""

import sys

if "kfp.dsl.executor_main" in sys.orig_argv:
    from tests.crash.deaths import expect

    expect()
