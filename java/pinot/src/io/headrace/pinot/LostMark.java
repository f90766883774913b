package io.headrace.pinot;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;

/** Remembers on disk that a partition's log was lost: a log that has grown again since looks whole after a restart. */
final class LostMark {
  private final File _file;

  LostMark(File folder, int partition) {
    _file = new File(folder, "log-lost-" + partition);
  }

  void write(String reason) {
    Path made = _file.toPath().resolveSibling(_file.getName() + ".part");
    try {
      try (FileChannel channel = FileChannel.open(made, CREATE, WRITE, TRUNCATE_EXISTING)) {
        ByteBuffer text = UTF_8.encode(reason);
        while (text.hasRemaining()) {
          channel.write(text);
        }
        channel.force(true);
      }
      // Not the file system's clock, which is some milliseconds behind.
      Files.setLastModifiedTime(made, FileTime.fromMillis(System.currentTimeMillis()));
      Files.move(made, _file.toPath(), ATOMIC_MOVE, REPLACE_EXISTING);
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
