package io.headrace.pinot;

/** Where the newest record of a key stands; the segment is looked through, so a committed segment needs no re-pointing. */
class RowLocation {
  private final LiveSegment _segment;
  private final int _docId;

  RowLocation(LiveSegment segment, int docId) {
    _segment = segment;
    _docId = docId;
  }

  LiveSegment segment() {
    return _segment;
  }

  int docId() {
    return _docId;
  }

  /** The version of its record; 0 where arrival alone decides. */
  long version() {
    return 0;
  }

  /** Where the record of a view stands: only there is a version to remember. */
  static final class Versioned extends RowLocation {
    private final long _version;

    Versioned(LiveSegment segment, int docId, long version) {
      super(segment, docId);
      _version = version;
    }

    @Override
    long version() {
      return _version;
    }
  }
}
