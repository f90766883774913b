package io.headrace.pinot;

/** A value that cannot be carried exactly. The message names the column and the reason, never the value. */
final class RejectedValue extends Exception {
  private static final long serialVersionUID = 1L;

  RejectedValue(String column, String reason) {
    super(column + ": " + reason, null, false, false);
  }
}
