#!/usr/bin/env bash
# Great Expectations' Data Docs load from seven hosts, and write values of the data as HTML.
#
# Guessed before the run: pages about data are static, and a value that breaks a rule is shown as text.
# Seen: every page takes scripts and style sheets from content networks and a picture, with the time in
# its address, from the makers' bucket; an unexpected value stands in the page as it is, so that
# `<b id=fex-mark>` in a column is an element of the page.
# Output seen: "hosts: 7", "values as elements: yes".
#
# Seen with great_expectations 1.24.1. Exits with 1 when this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check great_expectations==1.24.1
GX_ANALYTICS_ENABLED=false "$folder/venv/bin/python" - "$folder/docs" <<'PYTHON'
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import great_expectations as gx
import pandas as pd

docs = Path(sys.argv[1])
context = gx.get_context(mode="ephemeral")
context.delete_data_docs_site("local_site")
store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)}
context.add_data_docs_site("site", {"class_name": "SiteBuilder", "store_backend": store})
asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
batch = asset.add_batch_definition_whole_dataframe("whole")
suite = context.suites.add(gx.ExpectationSuite(name="s"))
suite.add_expectation(gx.expectations.ExpectColumnValuesToBeInSet(column="c", value_set=["a"]))
definition = gx.ValidationDefinition(name="v", data=batch, suite=suite)
frame = pd.DataFrame({"c": ["a", "<b id=fex-mark>b</b>"]})
context.validation_definitions.add(definition).run(batch_parameters={"dataframe": frame})
context.build_data_docs()
[page] = (docs / "validations").rglob("*.html")
text = page.read_text()
loaded = re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="(https?://[^"]+)"', text)
hosts = sorted({urlsplit(one).netloc for one in loaded})
raw = "<b id=fex-mark>" in text
print("great_expectations", gx.__version__)
print("hosts:", len(hosts), *hosts)
print("values as elements:", "yes" if raw else "no")
as_seen = len(hosts) >= 5 and raw
print("as seen" if as_seen else "CHANGED")
sys.exit(0 if as_seen else 1)
PYTHON
