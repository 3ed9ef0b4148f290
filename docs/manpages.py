"""Writes the man pages, of which most is the very text of ``docs/``.

``python docs/manpages.py DIR`` writes ``runwisp.1`` and ``runwisp.toml.5``. Called when a package is
built.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes
from docutils.core import publish_string
from docutils.readers.standalone import Reader
from docutils.transforms import Transform
from docutils.writers import manpage

SOURCES = Path(__file__).parents[1] / "packaging/man"


class Entries(Transform):
    """Tables become lists: the lines of a terminal are too short for columns of sentences."""

    default_priority = 900

    def apply(self, **_: object) -> None:
        for table in list(self.document.findall(nodes.table)):
            [head], [body] = table.findall(nodes.thead), table.findall(nodes.tbody)
            titles = [entry.astext() for entry in head.findall(nodes.entry)]
            entries = nodes.definition_list("")
            entries += [_entry(titles, list(row.findall(nodes.entry))) for row in body.children]
            table.replace_self(entries)


def _entry(titles: list[str], cells: list[nodes.entry]) -> nodes.definition_list_item:
    """The first cell is what it is about, the last says what of it; those between follow in a line."""
    term = nodes.term("", "", *_text(cells[0]))
    told = [nodes.paragraph("", "", *_text(cells[-1]))]
    between: list[nodes.Node] = []
    for title, cell in zip(titles[1:-1], cells[1:-1], strict=True):
        if cell.astext():
            between += [nodes.Text(f"{'; ' if between else ''}{title}: "), *_text(cell)]
    if between:
        told.append(nodes.paragraph("", "", *between))
    return nodes.definition_list_item("", term, nodes.definition("", *told))


def _text(cell: nodes.entry) -> list[nodes.Node]:
    return [child.deepcopy() for paragraph in cell.findall(nodes.paragraph) for child in paragraph.children]


class ManReader(Reader):  # type: ignore[type-arg]
    def get_transforms(self) -> list[type[Transform]]:
        return [*super().get_transforms(), Entries]


def drawn(name: str) -> str:
    source = SOURCES / f"{name}.rst"
    page = publish_string(
        source.read_text(),
        source_path=str(source),
        reader=ManReader(),
        writer=manpage.Writer(),
        settings_overrides={"report_level": 2, "halt_level": 2, "output_encoding": "unicode"},
    )
    return str(page)


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.glob("*.rst"):
        (folder / source.stem).write_text(drawn(source.stem))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
