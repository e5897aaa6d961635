"""How much a document may hold and stand for.

A few hundred bytes of YAML can stand for more than any machine holds: aliases of aliases, templates that use a
template twice, products of lists. What is counted here is what the document *stands for*, and counting stops at
the limit, so a check ends soon and says which limit it was. Each limit is far above what a picture needs.
"""

DOCUMENT_BYTES = 4_000_000
"""Bytes of one document, a template's included."""

VALUES = 200_000
"""Texts, dollars in them, lists and maps in one document; an alias counts as all that it stands for."""

DEPTH = 32
"""Maps and lists inside each other, aliases put in; a document of format 1 needs six."""

NAME = 100
"""Characters of the name of an input, a node, a checkpoint or an output."""

TEMPLATES = 200
"""Templates inside each other."""

NODES = 20_000
"""Nodes of a graph once templates are put in and `for_each` is unrolled, and the uses of templates among them."""

ITEMS = 20_000
"""Items of a `for_each`, product included, and of one list."""

ITEMS_READ = 200_000
"""Items of lists that all nodes of a graph read together; an item counts for every node that reads its list."""

VALUES_READ = 1_000_000
"""Ports, params, inputs of templates, parts of texts and items of lists that are put together for a graph."""

TEXT = 100_000
"""Characters of one text after its references are replaced."""

TEXTS = 10_000_000
"""Characters of all such texts of a graph together, and of its nodes' paths and labels."""

FILES = 10_000
"""Files that a folder or a pattern may name."""

ENTRIES = 50_000
"""Files and folders that are looked at to find them."""

PROBLEMS = 100
"""Problems that are told at a time, and as many warnings and hints."""

SUGGESTIONS = 100
"""Unknown names for which near ones are looked for."""
