package io.headrace.pinot;

/** A declared column: what it is called, how its values travel, and, of an instant, where its microseconds stand. */
record Column(String name, String microsName, Conversion conversion, boolean isKey) {
  static Column of(String name, Conversion conversion, boolean isKey) {
    return new Column(name, conversion.hasMicros() ? name + Conversion.MICROS_SUFFIX : null, conversion, isKey);
  }
}
