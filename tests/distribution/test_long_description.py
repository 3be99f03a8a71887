"""README.md as the package index shows it, where no relative link and no relative picture leads anywhere."""

import importlib.util
import re
import zipfile
from email import message_from_bytes
from html.parser import HTMLParser
from pathlib import Path

import pytest
from readme_renderer import markdown

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REPOSITORY = "https://git.example/ours/provider"

_spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
hatch_build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hatch_build)

PAGE = """\
# Title

See [money](docs/money.md), [its limit](docs/money.md#limit), [LICENSE](LICENSE).
And [Groq](https://groq.com), and [above](#title).

![A page](docs/images/page.png)

```python
rows = items[0](docs)
```
"""


class Leads(HTMLParser):
    """All that a page leads to or shows, but for its own headings."""

    def __init__(self, page):
        super().__init__()
        self.to = []
        self.feed(page)

    def handle_starttag(self, _tag, attributes):
        found = (value for name, value in attributes if name in {"href", "src", "srcset"})
        self.to += [lead for lead in found if not lead.startswith("#")]


def leads(text):
    shown = markdown.render(text)
    assert shown
    return Leads(shown).to


def test_links_and_pictures_lead_to_this_version_in_the_repository():
    text = hatch_build.absolute(PAGE, REPOSITORY, "v1.2.3")
    assert leads(text) == [
        f"{REPOSITORY}/blob/v1.2.3/docs/money.md",
        f"{REPOSITORY}/blob/v1.2.3/docs/money.md#limit",
        f"{REPOSITORY}/blob/v1.2.3/LICENSE",
        "https://groq.com",
        f"{REPOSITORY}/raw/v1.2.3/docs/images/page.png",
    ]
    assert "rows = items[0](docs)" in text


def test_without_a_repository_links_become_paths_and_pictures_go():
    text = hatch_build.offline(PAGE)
    assert leads(text) == ["https://groq.com"]
    assert "See money (`docs/money.md`), its limit (`docs/money.md`), `LICENSE`.\nAnd [Groq](https://groq.com)" in text
    assert "source distribution" in text
    assert "A page" not in text
    assert "rows = items[0](docs)" in text


@pytest.mark.parametrize("made", [hatch_build.offline, lambda text: hatch_build.absolute(text, REPOSITORY, "v1")])
def test_nothing_of_the_readme_leads_nowhere(made):
    found = leads(made(README))
    assert [lead for lead in found if not lead.startswith("https://")] == []
    assert "https://console.groq.com/docs/batch" in found


def test_every_relative_link_of_the_readme_is_noticed():
    """What the hook does not notice would stay relative: each one that the page shows here is one that it changes."""
    relative = [lead for lead in leads(README) if not lead.startswith("https://")]
    assert len(relative) > 10
    assert sorted(found["target"] for found in hatch_build.RELATIVE.finditer(README)) == sorted(relative)


def test_the_wheel_carries_it(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(wheel.read(name))
    assert metadata["Description-Content-Type"] == "text/markdown"
    found = leads(metadata.get_payload(decode=True).decode())
    assert found
    assert all(lead.startswith("https://") for lead in found)
    addresses = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))
    assert all(address.startswith("https://") for address in addresses.values())
    assert set(addresses) in ({"Homepage", "Documentation", "Source", "Changelog", "Issues"}, set())


def test_each_address_is_of_the_repository():
    found = hatch_build.addresses(REPOSITORY, "v1.2.3")
    assert found["Changelog"] == f"{REPOSITORY}/blob/v1.2.3/CHANGELOG.md"
    assert all(address.startswith(REPOSITORY) for address in found.values())
    for address in (found["Changelog"], found["Documentation"]):
        assert (ROOT / re.sub(".*/v1.2.3/", "", address)).is_file()


def test_the_hook_sets_both_by_the_repository_that_pyproject_names():
    metadata = {"version": "1.2.3"}
    hatch_build.Index(str(ROOT), {"repository": f"{REPOSITORY}/"}).update(metadata)
    assert metadata["urls"] == hatch_build.addresses(REPOSITORY, "v1.2.3")
    assert metadata["readme"]["text"] == hatch_build.absolute(README, REPOSITORY, "v1.2.3")
    hatch_build.Index(str(ROOT), {"repository": ""}).update(metadata)
    assert metadata["urls"] == {}
    assert metadata["readme"]["text"] == hatch_build.offline(README)
