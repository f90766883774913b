package io.headrace.pinot;

/** A query that cannot be answered exactly now; the message begins with {@code headrace:} and says why. */
final class NotAnswerable extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NotAnswerable(String message) {
    super(message, null, false, false);
  }
}
