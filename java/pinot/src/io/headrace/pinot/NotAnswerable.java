package io.headrace.pinot;

/** A query that cannot be answered exactly now; the message begins with {@code headrace:} and says why. */
final class NotAnswerable extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NotAnswerable(String message) {
    super(message, null, false, false);
  }

  /** {@code answer.py} knows it by its second word: it does not pass by itself. */
  static NotAnswerable logLost(String tableName, int partition, String reason) {
    return new NotAnswerable("headrace: log-lost: partition " + partition + " of " + tableName + ": " + reason);
  }
}
