"""A prompt template: which are refused when a Dag is parsed, and how the others are filled."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.problems import RowProblem
from airflow_provider_groq.jobs.requests.template import Template


@pytest.mark.parametrize(
    ("text", "row", "prompt"),
    [
        ("Is {text} good?", {"text": "{x}"}, "Is {x} good?"),
        ("{a} {b} {a}", {"a": 1, "b": "z", "c": 0}, "1 z 1"),
        ("{price:.2f} on {day:%d.%m.}", {"price": 1.0, "day": date(2026, 2, 1)}, "1.00 on 01.02."),
        ("{a!r:>5} {review text}", {"a": "b", "review text": "c"}, "  'b' c"),
        ("{a[city]} {a[b][0]}", {"a": {"city": "Ulm", "b": [1]}}, "Ulm 1"),
        ("{a:{width}}", {"a": 1, "width": 3}, "  1"),
        ('As {{"a": 1}}: {text}', {"text": "x"}, 'As {"a": 1}: x'),
        ("As {{sentiment: positive}}: {text}", {"text": "x"}, "As {sentiment: positive}: x"),
        ("{{{text}}} and {{{{text}}}}", {"text": "x"}, "{x} and {{text}}"),
        ("{ds}", {"ds": "x"}, "x"),
    ],
)
def test_columns_fill_the_fields(text, row, prompt):
    assert Template(text).render(row) == prompt


@pytest.mark.parametrize(
    "text",
    [
        *("{{ ds }}", "{{ds}} {text}", "{text} {{ params.x }}", "{{ ds | upper }}", "{{- ds -}}", "{{ x[0] }}"),
        *("{{ f('a') }}", "{{ a + 1 }}", "{% if x %}{text}{% endif %}", "{%- raw -%}{text}", "{# note #}{text}"),
    ],
)
def test_jinja_is_refused(text):
    with pytest.raises(GroqInputError, match="looks like Jinja, but prompts are never rendered by Jinja"):
        Template(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (5, "prompt_template must be text, but is 5"),
        (["{a}"], "prompt_template must be text"),
        ("", "names no column, so all rows would have the same prompt"),
        ("Tell a joke", "names no column"),
        ("{{}}", "names no column"),
        (
            "{text",
            "is not a valid format string: expected '}' before end of string. Double a literal brace",
        ),
        ("text}", "is not a valid format string"),
        ("{}", "has the field {}, which names no column"),
        ("{0}", "has the field {0}, which names no column"),
        ("{[a]}", "has the field {[a]}, which names no column"),
        ("{a.b}", "has the field {a.b}, but attributes of values are not allowed"),
        ("{a.__class__}", "attributes of values are not allowed"),
        ("{a[b].c}", "attributes of values are not allowed"),
        ("{a:{b.c}}", "has the field {b.c}, but attributes of values are not allowed"),
        ("{a[b]c}", "attributes of values are not allowed"),
        ("{a!x}", "has the field {a} with !x, but only !s, !r and !a exist"),
    ],
)
def test_a_wrong_template_is_refused(text, said):
    with pytest.raises(GroqInputError) as caught:
        Template(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "row", "said"),
    [
        ("{a}", {}, "has no column 'a', which prompt_template names; its columns are none"),
        ("{a} {b}", {"a": 1, "c": 2}, "has no column 'b', which prompt_template names; its columns are 'a', 'c'"),
        ("{a}", {"a": None}, "column 'a', which prompt_template names, is None: use a text, such as"),
        ("{a[x]}", {"a": {}}, "KeyError: 'x'; the columns it names are a = {}"),
        ("{a[0]}", {"a": []}, "IndexError"),
        ("{a[0]}", {"a": 5}, "TypeError"),
        ("{a:d}", {"a": "x"}, "ValueError: Unknown format code 'd'"),
        ("{a:.2f}", {"a": 10**400}, "OverflowError: int too large to convert to float"),
    ],
)
def test_a_row_that_does_not_fill_it_is_refused_with_the_field(text, row, said):
    with pytest.raises(RowProblem) as caught:
        Template(text).render(row)
    assert said in str(caught.value)


@given(st.text(), st.text())
def test_a_text_is_refused_or_filled_as_python_fills_it(text, value):
    try:
        template = Template(text)
    except GroqInputError:
        return
    row = dict.fromkeys(template.columns, value)
    try:
        prompt = template.render(row)
    except RowProblem:
        return
    assert prompt == text.format_map(row)
