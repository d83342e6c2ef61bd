from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from site_node.data.dates import NoDateError, check_form, reader


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("YYYY-MM-DD", "2013-04-03"),
        ("DD.MM.YYYY", "03.04.2013"),
        ("DD/MM/YYYY", "03/04/2013"),
        ("MM/DD/YYYY", "04/03/2013"),
        ("M/D/YYYY", "4/3/2013"),
        ("D.M.YYYY", "3.4.2013"),
        ("D.M.YYYY", "03.04.2013"),
        ("YYYYMMDD", "20130403"),
        ("DD-MMM-YYYY", "03-APR-2013"),
        ("DDMMMYYYY", "03apr2013"),
        ("YYYY-MM-DD hh:mm:ss", "2013-04-03 23:59:59"),
        ("YYYY-MM-DDThh:mm:ss", "2013-04-03T00:00:00.000"),
        ("DD.MM.YYYY hh:mm", "03.04.2013 07:30"),
    ],
)
def test_a_stated_form_is_read(form: str, text: str) -> None:
    assert reader(check_form(form))(text) == date(2013, 4, 3).toordinal()


@pytest.mark.parametrize(
    ("form", "text", "form_fits"),
    [
        ("DD.MM.YYYY", "31.02.2013", True),
        ("DD.MM.YYYY", "29.02.2013", True),
        ("MM/DD/YYYY", "13/04/2013", True),
        ("YYYY-MM-DD", "0000-01-01", True),
        ("DD.MM.YYYY", "3.4.2013", False),
        ("DD.MM.YYYY", "2013-04-03", False),
        ("DD.MM.YYYY", "03.04.13", False),
        ("DD.MM.YYYY", "03.04.2013 ", False),
        ("DD.MM.YYYY", "03x04x2013", False),
        ("DD.MM.YYYY", "٠٣.٠٤.٢٠١٣", False),
        ("YYYY-MM-DD hh:mm:ss", "2013-04-03 24:00:00", False),
        ("DD-MMM-YYYY", "03-MAI-2013", False),
    ],
)
def test_other_texts_are_no_dates(form: str, text: str, form_fits: bool) -> None:
    with pytest.raises(NoDateError) as refused:
        reader(form)(text)
    assert refused.value.form_fits is form_fits


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("%d.%m.%Y", "not %d.%m.%Y"),
        ("DD.MM.YY", "'YY' is no part of a date"),
        ("dd.mm.yyyy", "'dd' is no part of a date"),
        ("DD.MM", "say year"),
        ("DD.MM.YYYY DD", "say year"),
        ("", "say year"),
    ],
)
def test_a_form_says_day_month_and_year(form: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_form(form)


@given(st.dates(min_value=date(1900, 1, 1)), st.integers(0, 20000))
def test_days_between_dates_are_those_of_the_calendar(first: date, days: int) -> None:
    last = first + timedelta(days)
    read = reader("DD.MM.YYYY")
    assert read(f"{last:%d.%m}.{last.year:04}") - read(f"{first:%d.%m}.{first.year:04}") == days
