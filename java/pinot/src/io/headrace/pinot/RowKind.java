package io.headrace.pinot;

/** What a stored row means; the codes are those of {@code headrace.contract.Kind} and stand in {@code __kind}. */
enum RowKind {
  /** The row as it is. */
  ROW,
  /** A tombstone: the key has no row. It stays, because it hides older rows. */
  DELETE,
  /** The key's row could not be carried exactly: no answer has it, the table is not exact. */
  REJECT,
  /** Every row before this one is gone. */
  TRUNCATE,
  /** A record whose very key could not be read. */
  REJECT_WITHOUT_KEY;

  private static final RowKind[] BY_CODE = values();
  private static final long VERSION_STEP = 8;

  int code() {
    return ordinal();
  }

  /** What stands in {@code __version}, which orders the records of a key in the table of a view. */
  long versionCode(long version) {
    return Math.addExact(Math.multiplyExact(version, VERSION_STEP), ordinal());
  }

  static long versionOf(long versionCode) {
    return Math.floorDiv(versionCode, VERSION_STEP);
  }

  static RowKind ofVersionCode(long versionCode) {
    return BY_CODE[(int) Math.floorMod(versionCode, VERSION_STEP)];
  }

  static RowKind of(Object code) {
    return BY_CODE[((Number) code).intValue()];
  }
}
