"""Limits of documents, as written and once expanded.

A few hundred bytes of YAML can expand to more than fits any memory: aliases of aliases, templates that use a
template twice, products of lists. The expanded document is counted, and counting stops at the limit, so a check
ends soon and names the limit. Each limit is far above what a picture needs.

Limits of files are beside their readers: `MAX_PIXELS` of a picture in `values/picture_files.py`, the header of a
safetensors file in `checkpoints/safetensors_header.py`, `MOST` tensors that a config may describe in
`checkpoints/model_class.py`, `MAX_BYTES` of a run.json in `record/run_record.py`, `MAX_TEXT` of the record in a PNG
file in `record/png.py`. What the report shows at most is in `record/report.py`.
"""

DOCUMENT_BYTES = 4_000_000
"""Bytes of one document or template."""

VALUES = 200_000
"""Texts, dollars in them, lists and maps in one document; an alias counts as its whole content."""

DEPTH = 32
"""Nested maps and lists, aliases expanded; a document of format 1 needs six."""

NAME = 100
"""Characters in the name of an input, a node, a checkpoint or an output."""

TEMPLATES = 200
"""Nested templates."""

NODES = 20_000
"""Nodes of a graph once templates and `for_each` are expanded; each use of a template counts too."""

ITEMS = 20_000
"""Items of a `for_each`, products included, and of one list."""

ITEMS_READ = 200_000
"""List items that all nodes of a graph read; an item counts once for every node that reads its list."""

VALUES_READ = 1_000_000
"""Ports, params, inputs of templates, parts of texts and list items that are read for one graph."""

TEXT = 100_000
"""Characters of one text after its references are replaced."""

TEXTS = 10_000_000
"""Characters of all these texts of a graph, and of its nodes' paths and labels."""

FILES = 10_000
"""Files that a folder or a pattern may match."""

ENTRIES = 50_000
"""Files and folders that are searched for them."""

PROBLEMS = 100
"""Problems that are shown at a time, and as many warnings and hints."""

SUGGESTIONS = 100
"""Unknown names for which a suggestion is looked for."""
