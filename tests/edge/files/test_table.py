from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from edge.files.table import csv_text

FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)] * 4),
        max_size=5,
    )
)
def test_csv_is_read_back_as_it_was(rows: list[tuple[str, str, str, str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    tame = [[f"./{cell}" if cell[:1] and cell[0] in FORMULA else cell for cell in row] for row in rows]
    assert read == tame


def test_cells_are_quoted_only_where_csv_asks_for_it() -> None:
    text = csv_text([("1=1.png", "0.5", "good", ""), ('a,"b".png', "", "", "no"), ("plain.png", "1", "good", "")])
    assert text == '1=1.png,0.5,good,\n"a,""b"".png",,,no\nplain.png,1,good,\n'
