package io.headrace.pinot;

/** Where the newest record of a key stands; the segment is looked through, so a committed segment needs no re-pointing. */
final class RowLocation {
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
}
