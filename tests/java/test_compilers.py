"""Which methods HotSpot's optimizing compiler takes under our directives."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from headrace.engines import jvm
from headrace.engines.installation import Installation

pytestmark = pytest.mark.engines

_PROGRAM = """
public class Rows {
  static class Hot {
    static long work(long x) { return x * 31 + (x >>> 7); }
  }
  static class Cold {
    static long work(long x) { return x * 17 + (x >>> 5); }
  }
  public static void main(String[] arguments) {
    long sum = 0;
    for (int round = 0; round < 40_000; round++) {
      for (int i = 0; i < 1_000; i++) {
        sum += Hot.work(i) + Cold.work(sum);
      }
    }
    System.out.println("sum " + sum);
  }
}
"""
_OPTIMIZED = re.compile(r"^\s*\d+\s+\d+[ %sbn!]+4\s+(\S+)::", re.MULTILINE)


def _optimized_classes(folder: Path, *options: str) -> set[str]:
    """The program's classes with methods that the optimizing compiler compiled by themselves."""
    source = folder / "Rows.java"
    source.write_text(_PROGRAM)
    subprocess.run(["javac", "-d", folder, source], check=True)
    java = Installation.load().java
    flags = ("-Xbatch", "-XX:+PrintCompilation", "-XX:-UseOnStackReplacement", *options)
    run = subprocess.run([java, *flags, "-cp", folder, "Rows"], capture_output=True, text=True, check=True)
    assert "sum " in run.stdout
    return {name for name in _OPTIMIZED.findall(run.stdout) if name.startswith("Rows")}


def test_only_the_named_classes_reach_the_optimizing_compiler(tmp_path: Path) -> None:
    directives = tmp_path / "compiler.json"
    directives.write_text(jvm.render_directives(["Rows$H*", "java/util/HashMap*"]))

    assert {"Rows$Hot", "Rows$Cold"} <= _optimized_classes(tmp_path)
    named = _optimized_classes(
        tmp_path, "-XX:+UnlockDiagnosticVMOptions", f"-XX:CompilerDirectivesFile={directives}"
    )

    assert named == {"Rows$Hot"}
