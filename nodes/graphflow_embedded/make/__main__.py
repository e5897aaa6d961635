"""`python -m graphflow_embedded.make STAGE …`: draw, train, judge."""

from graphflow_embedded.make.cli import main

raise SystemExit(main())
