"""Device codes, the option of a site: the example of the publication, and what says nothing."""

from __future__ import annotations

import pytest

from agent.answer import Query
from agent.device import DeviceReader
from agent.pipeline import Pipeline
from standard import load_catalogue
from standard.lexicon import load_lexicon
from standard.text import canonical


@pytest.fixture(scope="module")
def site() -> Pipeline:
    return Pipeline(load_catalogue("3.8.2"), device_codes=True)


@pytest.mark.parametrize(
    ("name", "modality", "code"),
    [
        ("16排CT左膝关节(平扫+增强+三维重建)", "CT", "22072201221100"),
        ("3.0TMR肝脏动态对比增强(DCE-MRI)", "MR", "33050101230000"),
        ("双源CT胸部平扫", "CT", "25040100110000"),
        ("16排以上螺旋CT胸部平扫", "CT", "23040100110000"),
        ("CT胸部平扫", "CT", "20040100110000"),
        ("16排或64排CT胸部平扫", "CT", "20040100110000"),
        ("DR胸部正位(64排)", "DR", "40040100000100"),
    ],
)
def test_codes_of_a_site(site: Pipeline, pipeline: Pipeline, name: str, modality: str, code: str) -> None:
    assert site.answer([Query(name, modality)])[0].codes == (code,)
    assert site.answer_compact([Query(name, modality)])[0][1] == code
    assert pipeline.answer([Query(name, modality)])[0].codes[0][:2] in ("20", "30", "40")


@pytest.mark.parametrize("row", load_lexicon().devices, ids=lambda row: row.device)
def test_every_example_says_its_device(row) -> None:  # type: ignore[no-untyped-def]
    reader = DeviceReader(load_catalogue("3.8.2"), load_lexicon())
    assert reader.device(canonical(row.example).text, row.modality) == row.device
