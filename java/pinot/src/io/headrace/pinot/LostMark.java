package io.headrace.pinot;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;

/** Remembers on disk that a partition's log was lost: a log that has grown again since looks whole after a restart. */
final class LostMark {
  private final File _file;

  LostMark(File folder, int partition) {
    _file = new File(folder, "log-lost-" + partition);
  }

  void write(String reason) {
    try {
      Files.writeString(_file.toPath(), reason);
      // Not the file system's clock, which is some milliseconds behind.
      _file.setLastModified(System.currentTimeMillis());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + _file, e);
    }
  }

  /**
   * The reason, null when there is none.
   *
   * @param segmentMadeMs when the segment that consumes now was made: an older mark is of a table of the same name
   */
  String read(long segmentMadeMs) {
    try {
      return _file.isFile() && _file.lastModified() >= segmentMadeMs ? Files.readString(_file.toPath()) : null;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + _file, e);
    }
  }
}
