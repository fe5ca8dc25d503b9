"""YAML of strangers: read within limits, refused with line and key."""

import time

import pytest

from econml_cli.config.fit_config import read_yaml
from econml_cli.errors import ConfigError
from econml_cli.storage import limited_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [{', '.join(['*' + chr(97 + i)] * 9)}]}}\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (BOMB, 6, "it stands for more than 100,000 values"),
        (MERGES, None, "it stands for more than 100,000 values"),
        ("lr: 0.1\na: &a [*a]\n", 2, "it contains itself"),
        ("a: " + "[" * 3000, None, "nested more than 50 deep"),
        ("a: " + "{b: " * 3000, None, "nested more than 50 deep"),
        ("lr: 0.1\nwidth: !!int abc\n", 2, "width: 'abc' is no int"),
        ("lr: !!float abc\n", 1, "lr: 'abc' is no float"),
        ("use: !!bool maybe\n", 1, "use: 'maybe' is no bool"),
        ("day: 2024-01-01\n", 1, "day: 2024-01-01 is a date"),
        ("x: 1\nday: 2024-99-99\n", 2, "day: 2024-99-99 is a date"),
        ("seed: " + "9" * 5000 + "\n", 1, "seed: a number of 5,000 characters"),
        ("seed: " + "1:" * 3000 + "1\n", 1, "seed: a number of"),
        ('name: "\\0"\n', 1, "name: it holds a character of code 0"),
        ("widths: [1, !!python/name:os.system x]\n", 1, "widths.1: tag:yaml.org,2002:python/name:os.system is no type"),
        ("x: !!binary AAAA\n", 1, "x: tag:yaml.org,2002:binary is no type"),
        ("x: !mine 1\n", 1, "x: !mine is no type"),
        ("a: [1\nb: 2", 2, "expected"),
        ("a: \x01", None, "special characters"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_line_and_key(tmp_path, text, line, said):
    began = time.process_time()
    with pytest.raises(limited_yaml.RefusedError) as refused:
        limited_yaml.load(text)
    assert said in str(refused.value) and line in (None, refused.value.line)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_yaml(path)
    assert said in str(error.value) and str(path) in str(error.value)
    assert time.process_time() - began < 5


def test_plain_data_is_read_as_by_pyyaml():
    yaml = pytest.importorskip("yaml")
    text = "a: 1\nb: [1.5, true, null, '2024-01-01', 0x1f, .inf]\nc: &c {d: e}\nf: {<<: *c, g: h}\nlong: |\n  a\n  b\n"
    assert limited_yaml.load(text) == yaml.safe_load(text)
    assert limited_yaml.load("") is None


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    for contents, said in ((b"#" * 2_000_000, "2,000,000 bytes"), (b"\xff\xfe", "codec")):
        path.write_bytes(contents)
        with pytest.raises(ConfigError, match=said):
            read_yaml(path)
