"""What the site adds to the pages: navigation by folder, links to source files, links of names to the reference."""

import ast
import posixpath
import re
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
_HOME = Path("README.md")  # the project's front page elsewhere
_LINK = re.compile(r"(?<=\]\()((?:\.\./)+)([\w./-]+)((?:#[\w-]+)?)(?=\))")
_NAME = re.compile(r"(?<!>)<code>([\w.]+)</code>(?!</a>)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace patterns in the navigation by the pages that match them and are not named themselves."""
    docs = Path(config.docs_dir)
    named = {page for section in config.nav or () for page in section.values()}
    for section in config.nav or ():
        for title, pattern in section.items():
            if "*" in pattern:
                found = sorted(str(path.relative_to(docs)) for path in docs.glob(pattern))
                section[title] = [page for page in found if page not in named]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file of the project that a page links to, with its text."""
    for page in list(files.documentation_pages()):
        for match in _LINK.finditer(page.content_string):
            path = _target(page.src_uri, match)
            if path is not None and path != _HOME and files.get_file_from_path(_source(path)) is None:
                language = {".py": "python", ".yaml": "yaml"}.get(path.suffix, "text")
                text = f"# {path}\n\n````{language}\n{(ROOT / path).read_text()}\n````\n"
                added = File.generated(config, _source(path), content=text)
                added.inclusion = added.inclusion.NOT_IN_NAV
                files.append(added)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links out of ``docs`` into links to those pages, and links to the README into links home."""

    def replaced(match: re.Match[str]) -> str:
        path = _target(page.file.src_uri, match)
        if path is None:
            return match[0]
        target = "index.md" if path == _HOME else _source(path)
        return posixpath.relpath(target, posixpath.dirname(page.file.src_uri))

    return _LINK.sub(replaced, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link public names in the text to the reference."""

    def linked(match: re.Match[str]) -> str:
        name = match[1].rpartition(".")[2]
        path = _PUBLIC.get(name)
        if path is None or not f"{path}.".endswith(f".{match[1]}."):
            return match[0]
        return f'<autoref identifier="{path}" optional>{match[0]}</autoref>'

    return _NAME.sub(linked, html)


class Examples(griffe.Extension):
    """Let the reference show doctests as code: it knows them under ``Examples:`` only, and Google's style has both."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rename the section."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)


def _target(page: str, match: re.Match[str]) -> Path | None:
    """The file of the project that a link of a page means; None where it is another page."""
    path = Path(posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), match[1], match[2])))
    return path if path.parts[0] != "docs" and (ROOT / path).is_file() else None


def _source(path: Path) -> str:
    return f"source/{path}.md"


def _public() -> dict[str, str]:
    """Where the reference documents each public name: the page of its room."""
    found: dict[str, str] = {}
    for page in sorted((ROOT / "docs/api").glob("*.md")):
        for module in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE):
            path = ROOT / module.replace(".", "/")
            text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
            for node in ast.parse(text).body:
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                    found |= {name: f"{module}.{name}" for name in ast.literal_eval(node.value)}
    return found


_PUBLIC = _public()
