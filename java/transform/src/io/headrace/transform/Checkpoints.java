package io.headrace.transform;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What a kill can leave in a checkpoint that Spark itself does not get over. */
final class Checkpoints {
  private Checkpoints() {
  }

  /**
   * Removes offsets of a batch that was not committed. In real-time mode offsets are written when a batch ends, right
   * before its commit; a kill between the two leaves offsets that the batch, run again, would refuse to replace.
   */
  static void dropUncommitted(Path checkpoint)
      throws IOException {
    Path offsets = checkpoint.resolve("offsets");
    if (!Files.isDirectory(offsets)) {
      return;
    }
    long committed = latest(checkpoint.resolve("commits"));
    for (long batch = latest(offsets); batch > committed; batch--) {
      Files.deleteIfExists(offsets.resolve(String.valueOf(batch)));
      Files.deleteIfExists(offsets.resolve("." + batch + ".crc"));
    }
  }

  private static long latest(Path log)
      throws IOException {
    if (!Files.isDirectory(log)) {
      return -1;
    }
    try (Stream<Path> entries = Files.list(log)) {
      return entries.map(entry -> entry.getFileName().toString()).filter(name -> name.matches("[0-9]+"))
          .mapToLong(Long::parseLong).max().orElse(-1);
    }
  }
}
